package cmd

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kplb/kplb/drill"
	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/remote"
	"github.com/kplb/kplb/render"
	"github.com/kplb/kplb/rollout"
)

// runMain runs kplb in this process, without a terminal.
func runMain(args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	code = Main(args, strings.NewReader(""), &out, &err)
	return code, out.String(), err.String()
}

// loaded is what the settings are once the command line has been read. The
// command itself, which fails for want of an inventory, comes after.
func loaded(t *testing.T, args ...string) (settings, error) {
	t.Helper()
	s := streams{in: strings.NewReader(""), out: io.Discard, err: io.Discard}
	root, set := newRoot(&s), newSettings()
	c := newVerify(command{&s, set})
	c.RunE = func(*cobra.Command, []string) error { return nil }
	root.ResetCommands()
	root.ResetFlags()
	set.addFlags(root.PersistentFlags())
	root.PersistentPreRunE = func(c *cobra.Command, _ []string) error { return set.load(c) }
	root.AddCommand(c)
	root.SetArgs(append([]string{"verify"}, args...))
	err := root.ExecuteContext(t.Context())
	return *set, err
}

func TestSettingsDefaults(t *testing.T) {
	got, err := loaded(t)
	if err != nil {
		t.Fatal(err)
	}
	want := settings{ConnectTimeout: 10 * time.Second, Color: "auto", KnownHosts: []string{}}
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
	want := settings{
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
	want = settings{
		Inventory: "flag.yaml", Templates: "flag", KnownHosts: []string{"/flag/a", "/flag/b", "/flag/c"}, AcceptNewKeys: true,
		SSHConfig: "x", ConnectTimeout: time.Second, Color: "auto",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("from flags:\n%s", d)
	}
}

// TestSettingsOfManyCommands: nothing of one run is left in the next.
func TestSettingsOfManyCommands(t *testing.T) {
	t.Setenv("KPLB_COLOR", "never")
	if got, err := loaded(t); err != nil || got.Color != "never" {
		t.Errorf("%v, %v", got, err)
	}
	t.Setenv("KPLB_COLOR", "")
	if got, err := loaded(t); err != nil || got.Color != "auto" {
		t.Errorf("%v, %v", got, err)
	}
}

// TestHelp: every command explains itself, and the help of kplb fits a screen.
func TestHelp(t *testing.T) {
	t.Parallel()
	root := newRoot(&streams{in: strings.NewReader(""), out: io.Discard, err: io.Discard})
	for _, c := range root.Commands() {
		if c.Short == "" || strings.HasSuffix(c.Short, ".") {
			t.Errorf("%s: short help %q", c.Name(), c.Short)
		}
		if c.Name() != "version" && (c.Long == "" || c.Example == "") {
			t.Errorf("%s has no long help or no example", c.Name())
		}
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if f.Usage == "" {
				t.Errorf("%s: --%s has no help", c.Name(), f.Name)
			}
		})
	}
	_, help, _ := runMain("--help")
	lines := strings.Split(help, "\n")
	if len(lines) > 48 {
		t.Errorf("the help has %d lines", len(lines))
	}
	for _, line := range lines {
		if len(line) > 90 {
			t.Errorf("a line of the help has %d columns: %s", len(line), line)
		}
	}
}

// TestExamples: every command line of a help text can be parsed.
func TestExamples(t *testing.T) {
	t.Parallel()
	root := newRoot(&streams{in: strings.NewReader(""), out: io.Discard, err: io.Discard})
	for _, c := range append(root.Commands(), root) {
		for line := range strings.SplitSeq(c.Example, "\n") {
			for command := range strings.SplitSeq(line, "&&") {
				command, _, _ = strings.Cut(command, "   ") // the explanation
				command, _, _ = strings.Cut(strings.TrimSpace(command), " > ")
				words := strings.Fields(command)
				if len(words) == 0 || words[0] != "kplb" {
					continue
				}
				fresh := newRoot(&streams{in: strings.NewReader(""), out: io.Discard, err: io.Discard})
				found, args, err := fresh.Find(words[1:])
				if err == nil {
					err = found.ParseFlags(args)
				}
				if err == nil {
					err = found.ValidateArgs(found.Flags().Args())
				}
				if err != nil || found == fresh {
					t.Errorf("%s: %q: %v", c.Name(), command, err)
				}
			}
		}
	}
}

// TestExitCodes: the kind of an error decides, however deep it is wrapped.
func TestExitCodes(t *testing.T) {
	t.Parallel()
	_, problems := inventory.Parse("f", nil)
	wrap := func(err error) error { return errors.Join(errors.New("outer"), err) }
	ended, end := context.WithCancel(context.Background())
	end()
	for name, test := range map[string]struct {
		ctx  context.Context
		err  error
		want int
	}{
		"nothing":          {context.Background(), nil, 0},
		"no":               {context.Background(), &noError{"differs"}, 1},
		"usage":            {context.Background(), &usageError{errors.New("wrong")}, 2},
		"usage, wrapped":   {context.Background(), wrap(&usageError{errors.New("wrong")}), 2},
		"inventory":        {context.Background(), &inventoryError{problems, nil}, 2},
		"anything":         {context.Background(), errors.New("broken"), 3},
		"remote":           {context.Background(), &remote.Error{}, 3},
		"nothing changed":  {context.Background(), &rollout.StoppedError{Cause: errors.New("full")}, 3},
		"one changed":      {context.Background(), &rollout.StoppedError{Changed: []string{"a"}, Cause: errors.New("full")}, 4},
		"no, in a rollout": {context.Background(), &rollout.StoppedError{Changed: []string{"a"}, Cause: &noError{"x"}}, 4},
		"still broken":     {context.Background(), wrap(&drill.BrokenError{Node: "a", Cause: errors.New("lost")}), 4},
		"interrupted":      {ended, context.Canceled, 130},
		"changed and then interrupted": {
			ended, &rollout.StoppedError{Changed: []string{"a"}, Cause: context.Canceled}, 130,
		},
		"done before the interrupt": {ended, nil, 0},
		"no, before the interrupt":  {ended, &noError{"differs"}, 1},
		"no, and nodes are silent":  {context.Background(), &unwellError{noError{"differs"}, fleet.NodeErrors{"a": &remote.Error{Hint: "h"}}}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out, diagnostics bytes.Buffer
			s := streams{in: strings.NewReader(""), out: &out, err: &diagnostics}
			if got := s.exit(test.ctx, test.err); got != test.want {
				t.Errorf("exit code %d, want %d\n%s", got, test.want, &diagnostics)
			}
			if out.Len() > 0 {
				t.Errorf("on stdout: %s", &out)
			}
			for line := range strings.SplitSeq(strings.TrimSuffix(diagnostics.String(), "\n"), "\n") {
				if test.err != nil && !strings.HasPrefix(line, "kplb: ") && !strings.HasPrefix(line, "f:1:1: ") {
					t.Errorf("a line without a beginning: %q", line)
				}
			}
		})
	}
}

func TestHints(t *testing.T) {
	t.Parallel()
	err := errors.Join(
		&remote.Error{Hint: "first"}, &usageError{&remote.Error{Hint: "second"}}, &remote.Error{Hint: "first"}, &remote.Error{},
		errors.New("without"),
	)
	want := []string{"first", "see `kplb --help`, and `kplb COMMAND --help`", "second"}
	if d := cmp.Diff(want, hints(err)); d != "" {
		t.Error(d)
	}
}

// TestConfirm: without a terminal nobody is asked, and nothing happens.
func TestConfirm(t *testing.T) {
	t.Parallel()
	var diagnostics bytes.Buffer
	s := streams{in: strings.NewReader("yes\n"), out: io.Discard, err: &diagnostics}
	err := s.confirm(t.Context(), "Go on?")
	var usage *usageError
	if !errors.As(err, &usage) || err.Error() != "stdin is not a terminal, so nobody can be asked: give --yes to go on without" {
		t.Errorf("got %v", err)
	}
	if diagnostics.Len() > 0 {
		t.Errorf("asked %q", &diagnostics)
	}
}

func TestColored(t *testing.T) {
	for color, want := range map[string]bool{"always": true, "never": false, "auto": false} {
		if got := (&streams{color: color}).colored(io.Discard); got != want {
			t.Errorf("--color %s: %t, want %t", color, got, want)
		}
	}
}

// TestLoadSecrets: each of the three sources, and its value where it belongs.
func TestLoadSecrets(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("KPLB_TEST_AUTH", "geheim42")
	if err := os.WriteFile(filepath.Join(home, "auth-pass"), []byte("geheim42\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, secret := range map[string]*inventory.Secret{
		"variable":      {Env: "KPLB_TEST_AUTH"},
		"home":          {File: "~/auth-pass"},
		"absolute path": {File: filepath.Join(home, "auth-pass")},
		"command":       {Command: []string{"printf", "%s", "geheim42"}},
	} {
		got, err := loadSecrets(t.Context(), &inventory.Cluster{VRRP: inventory.VRRP{Auth: secret}})
		if d := cmp.Diff(render.Secrets{"vrrp-auth": "geheim42"}, got); err != nil || d != "" {
			t.Errorf("%s: %v\n%s", name, err, d)
		}
	}
	if got, err := loadSecrets(t.Context(), &inventory.Cluster{}); err != nil || got != nil {
		t.Errorf("without a secret: %v, %v", got, err)
	}
	_, err := loadSecrets(t.Context(), &inventory.Cluster{VRRP: inventory.VRRP{Auth: &inventory.Secret{Command: []string{"false"}}}})
	var usage *usageError
	if !errors.As(err, &usage) || err.Error() != ": vrrp.auth: running false for the secret: exit status 1" {
		t.Errorf("a failing command: %v", err)
	}
}

// TestVersion prints the linker's, or that of the build.
func TestVersion(t *testing.T) {
	before := version
	t.Cleanup(func() { version = before })
	for _, said := range []string{"v1.2.3", ""} {
		version = said
		want := said
		if info, ok := debug.ReadBuildInfo(); ok && said == "" {
			want = info.Main.Version
		}
		code, stdout, stderr := runMain("version")
		same(t, "exit code", code, 0)
		same(t, "stdout", stdout, "kplb "+want+"\n")
		same(t, "stderr", stderr, "")
	}
}

// TestBinary: main passes on arguments, streams and the exit code.
func TestBinary(t *testing.T) {
	t.Parallel()
	binary := filepath.Join(t.TempDir(), "kplb")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "./kplb").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	c := exec.CommandContext(t.Context(), binary, "frobnicate")
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	err := c.Run()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 2 {
		t.Errorf("got %v, want exit code 2", err)
	}
	if stdout.Len() > 0 || !strings.HasPrefix(stderr.String(), "kplb: unknown command \"frobnicate\"\n") {
		t.Errorf("stdout %q, stderr %q", &stdout, &stderr)
	}
}
