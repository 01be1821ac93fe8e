package workstation

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
)

// loaded is what the settings are once a command line has been read.
func loaded(t *testing.T, args ...string) (Settings, error) {
	t.Helper()
	var s Settings
	f := pflag.NewFlagSet("kplb", pflag.ContinueOnError)
	s.AddFlags(f)
	s.AddSSHFlags(f)
	if err := f.Parse(args); err != nil {
		t.Fatal(err)
	}
	err := s.Load(f)
	return s, err
}

func TestSettingsDefaults(t *testing.T) {
	got, err := loaded(t)
	if err != nil {
		t.Fatal(err)
	}
	want := Settings{ConnectTimeout: 10 * time.Second, Color: "auto", KnownHosts: []string{}}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("defaults:\n%s", d)
	}
}

// TestSettingsPrecedence: flag, then variable, then file, each with all kinds
// of values.
func TestSettingsPrecedence(t *testing.T) {
	file := filepath.Join(t.TempDir(), "settings.yaml")
	const content = `
inventory: from-file.yaml
templates: templates-from-file
ssh-user: file
known-hosts: [/file/a, "/file/with space,and comma"]
accept-new-host-keys: true
ssh-config: none
ask-sudo-pass: true
connect-timeout: 2m
color: never
`
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := loaded(t, "--settings", file)
	if err != nil {
		t.Fatal(err)
	}
	want := Settings{
		Inventory: "from-file.yaml", Templates: "templates-from-file", SSHUser: "file",
		KnownHosts: []string{"/file/a", "/file/with space,and comma"}, AcceptNewKeys: true, SSHConfig: "none", AskSudoPass: true,
		ConnectTimeout: 2 * time.Minute, Color: "never",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("from the file:\n%s", d)
	}

	for name, value := range map[string]string{
		"KPLB_SETTINGS": file, "KPLB_INVENTORY": "from-env.yaml", "KPLB_SSH_USER": "env", "KPLB_KNOWN_HOSTS": "/env/a b,/env/c",
		"KPLB_ACCEPT_NEW_HOST_KEYS": "false", "KPLB_CONNECT_TIMEOUT": "1m30s", "KPLB_COLOR": "always", "KPLB_TEMPLATES": "",
	} {
		t.Setenv(name, value)
	}
	got, err = loaded(t)
	if err != nil {
		t.Fatal(err)
	}
	want.Inventory, want.SSHUser, want.KnownHosts = "from-env.yaml", "env", []string{"/env/a b", "/env/c"}
	want.AcceptNewKeys, want.ConnectTimeout, want.Color = false, 90*time.Second, "always"
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("from the environment:\n%s", d)
	}

	got, err = loaded(t, "-i", "flag.yaml", "--ssh-user=", "--known-hosts", "/flag/a,/flag/b", "--known-hosts", "/flag/c",
		"--accept-new-host-keys", "--connect-timeout=1s", "--color=auto", "--templates", "flag", "--ask-sudo-pass=false", "--ssh-config=x")
	if err != nil {
		t.Fatal(err)
	}
	want = Settings{
		Inventory: "flag.yaml", Templates: "flag", KnownHosts: []string{"/flag/a", "/flag/b", "/flag/c"}, AcceptNewKeys: true,
		SSHConfig: "x", ConnectTimeout: time.Second, Color: "auto",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("from flags:\n%s", d)
	}
}

// TestSettingsOfManyRuns: nothing of one run is left in the next.
func TestSettingsOfManyRuns(t *testing.T) {
	t.Setenv("KPLB_COLOR", "never")
	if got, err := loaded(t); err != nil || got.Color != "never" {
		t.Errorf("%v, %v", got, err)
	}
	t.Setenv("KPLB_COLOR", "")
	if got, err := loaded(t); err != nil || got.Color != "auto" {
		t.Errorf("%v, %v", got, err)
	}
}

// TestSettingsRefused: what is no value of a setting is refused with its name, wherever it
// comes from, and a settings file has settings alone.
func TestSettingsRefused(t *testing.T) {
	for _, c := range []struct{ name, file, variable, value, want string }{
		{"a time without a unit", "connect-timeout: 5", "", "", `setting connect-timeout: time: missing unit in duration "5"`},
		{"a variable that is no yes or no", "", "KPLB_ASK_SUDO_PASS", "maybe", `setting ask-sudo-pass: strconv.ParseBool: parsing "maybe": invalid syntax`},
		{"a list for one word", "inventory: [a, b]", "", "", "setting inventory: a list is not a value for it"},
		{"a map", "ssh-user: {name: pi}", "", "", "setting ssh-user: map[name:pi] is not a value for it"},
		{"no time at all", "", "KPLB_CONNECT_TIMEOUT", "-3s", "connect-timeout must be a time above 0, such as 10s"},
		{"a colour", "color: green", "", "", `color must be auto, always or never, not "green"`},
		{"a key that is none", "inventroy: x", "", "", `settings: FILE: "inventroy" is not a setting`},
		{"several keys that are none", "zone: x\nalpha: y\nmu: z", "", "", `settings: FILE: "alpha" is not a setting`},
		{"the file itself", "settings: x", "", "", `settings: FILE: "settings" is not a setting`},
		{"a file that is not there", "", "KPLB_SETTINGS", "missing.yaml", "settings: open missing.yaml: no such file or directory"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var args []string
			file := filepath.Join(t.TempDir(), "settings.yaml")
			if c.file != "" {
				args = []string{"--settings", file}
				if err := os.WriteFile(file, []byte(c.file), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if c.variable != "" {
				t.Setenv(c.variable, c.value)
			}
			refused(t, func() error { _, err := loaded(t, args...); return err }, strings.ReplaceAll(c.want, "FILE", file))
		})
	}
}
