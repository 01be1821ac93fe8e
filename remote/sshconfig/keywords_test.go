package sshconfig_test

import (
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/kplb/kplb/remote/sshconfig"
)

var (
	tableRow  = regexp.MustCompile("(?m)^\\| (`.*`) \\| (done|harmless|refused) \\|")
	tableName = regexp.MustCompile("`([A-Za-z0-9]+)`")
)

// documented are the keywords of the table in docs/ssh.md.
func documented(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("../../docs/ssh.md")
	if err != nil {
		t.Fatal(err)
	}
	table := map[string]string{}
	for _, row := range tableRow.FindAllStringSubmatch(string(text), -1) {
		for _, name := range tableName.FindAllStringSubmatch(row[1], -1) {
			if table[name[1]] != "" {
				t.Errorf("docs/ssh.md has %s twice", name[1])
			}
			table[name[1]] = row[2]
		}
	}
	return table
}

// newer is what came after OpenSSH 9.2, Debian 12's, or is a patch of others.
var newer = []string{"ChannelTimeout", "ObscureKeystrokeTiming", "RefuseConnection", "Tag", "UseKeychain", "VersionAddendum", "WarnWeakCrypto"}

func TestKeywordsAreDocumented(t *testing.T) {
	if got, want := documented(t), sshconfig.Keywords(); !maps.Equal(got, want) {
		for name := range maps.Keys(want) {
			if got[name] != want[name] {
				t.Errorf("%s is %s, and in docs/ssh.md: %q", name, want[name], got[name])
			}
		}
		for name := range maps.Keys(got) {
			if want[name] == "" {
				t.Errorf("docs/ssh.md has %s, which nobody knows", name)
			}
		}
	}
}

// TestKeywordsAreOpenSSHs compares with the manual's list, and with the ssh that is
// here: it knows each keyword that is not newer than it, and prints no other.
func TestKeywordsAreOpenSSHs(t *testing.T) {
	manual, err := os.ReadFile("testdata/ssh_config.keywords")
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for line := range strings.Lines(string(manual)) {
		if !strings.HasPrefix(line, "#") {
			want = append(want, strings.TrimSpace(line))
		}
	}
	slices.Sort(want)
	if got := slices.Sorted(maps.Keys(sshconfig.Keywords())); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	out, err := exec.CommandContext(t.Context(), "ssh", "-G", "-F", "none", "x").Output()
	if err != nil {
		t.Skip(err)
	}
	names := map[string]bool{}
	for _, name := range want {
		names[strings.ToLower(name)] = true
	}
	for line := range strings.Lines(string(out)) {
		if key, _, _ := strings.Cut(strings.TrimSpace(line), " "); !names[strings.ToLower(key)] {
			t.Errorf("ssh has %s, and nothing says what becomes of it", key)
		}
	}
	for _, name := range want {
		if !slices.Contains(newer, name) && !strings.HasPrefix(name, "GSSAPI") && name != "Host" && name != "Match" && name != "Include" {
			knownName(t, name)
		}
	}
}

// knownName asks ssh whether a keyword is one, with nothing after it.
func knownName(t *testing.T, name string) {
	t.Helper()
	out, _ := exec.CommandContext(t.Context(), "ssh", "-G", "-F", "none", "-o", name, "x").CombinedOutput()
	if strings.Contains(string(out), "Bad configuration option") {
		t.Errorf("ssh does not know %s: %s", name, out)
	}
}
