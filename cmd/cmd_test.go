package cmd

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/kplb/kplb/drill"
	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/remote"
	"github.com/kplb/kplb/report"
	"github.com/kplb/kplb/rollout"
	"github.com/kplb/kplb/workstation"
)

// runMain runs kplb in this process, without a terminal.
func runMain(args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	code = Main(args, strings.NewReader(""), &out, &err)
	return code, out.String(), err.String()
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
		"inventory":        {context.Background(), &workstation.InventoryError{Err: problems}, 2},
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

// TestAsUsage: what the operator has named wrongly is a usage error, with the hint at the
// help; the problems of an inventory are not, since the help does not mend them.
func TestAsUsage(t *testing.T) {
	t.Parallel()
	if asUsage(nil) != nil {
		t.Error("nothing is an error")
	}
	bad := &workstation.InventoryError{Err: errors.New("f:1:1: empty")}
	if err := asUsage(bad); !errors.Is(err, bad) || len(report.Hints(err)) > 0 {
		t.Errorf("an inventory: %v, %q", err, report.Hints(err))
	}
	_, err := loadSecrets(t.Context(), &inventory.Cluster{VRRP: inventory.VRRP{Auth: &inventory.Secret{Command: []string{"false"}}}})
	var usage *usageError
	if !errors.As(err, &usage) || err.Error() != ": vrrp.auth: running false for the secret: exit status 1" {
		t.Errorf("a failing command: %v", err)
	}
	same(t, "hints", report.Hints(err), []string{"see `kplb --help`, and `kplb COMMAND --help`"})
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
