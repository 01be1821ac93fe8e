package node

import (
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// asRun is a program in the form in which a node's shell reads it.
func asRun(name string) string {
	if programs[name].limit == 0 {
		return text(name)
	}
	return "kplb_main() {\n:\n" + text(name) + "\n}\n" // see remote
}

// TestScriptsParse with every shell that is a node's /bin/sh.
func TestScriptsParse(t *testing.T) {
	t.Parallel()
	tried := 0
	for _, shell := range [][]string{{"sh"}, {"dash"}, {"bash", "--posix"}, {"busybox", "sh"}} {
		if _, err := exec.LookPath(shell[0]); err != nil {
			continue
		}
		tried++
		for name := range programs {
			cmd := exec.CommandContext(t.Context(), shell[0], append(shell[1:], "-n")...)
			cmd.Stdin = strings.NewReader(asRun(name))
			if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
				t.Errorf("%s -n: %s: %v\n%s", shell[0], name, err, out)
			}
		}
	}
	if tried == 0 {
		t.Fatal("there is no shell")
	}
}

// TestProgramTable: every file in programs/ is a program, a part of one, or one
// of perl's that a program is given.
func TestProgramTable(t *testing.T) {
	t.Parallel()
	entries, err := os.ReadDir("programs")
	if err != nil {
		t.Fatal(err)
	}
	library := map[string]bool{}
	for name, p := range programs {
		for _, part := range p.library {
			if _, both := programs[part]; both {
				t.Errorf("%s is a program, and a part of %s", part, name)
			}
			library[part] = true
		}
		if text(name) == "" {
			t.Errorf("%s is empty", name)
		}
	}
	var shell, perl []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".sh"); ok {
			shell = append(shell, name)
		} else {
			perl = append(perl, e.Name())
		}
	}
	same(t, "shell", slices.Sorted(slices.Values(shell)), slices.Sorted(slices.Values(slices.Concat(slices.Collect(maps.Keys(programs)), slices.Collect(maps.Keys(library))))))
	same(t, "perl", perl, []string{"haproxy.pl", "vrrp.pl"})
}

// TestLibraryDefinesOnce: no function has two meanings, in whatever program.
func TestLibraryDefinesOnce(t *testing.T) {
	t.Parallel()
	for name := range programs {
		defined := map[string]bool{}
		for line := range strings.Lines(text(name)) {
			function, body, ok := strings.Cut(line, "()")
			if !ok || !strings.HasPrefix(body, " {") || strings.ContainsAny(function, " \t$") {
				continue
			}
			if defined[function] {
				t.Errorf("%s defines %s twice", name, function)
			}
			defined[function] = true
		}
	}
}

// TestRestoreProgram depends on nothing but the node.
func TestRestoreProgram(t *testing.T) {
	t.Parallel()
	text := string(restoreProgram(layout))
	for _, kplbs := range []string{"record", "kplb_file", "KPLB_"} {
		for line := range strings.Lines(text) {
			if !strings.HasPrefix(line, "#") && strings.Contains(line, kplbs) {
				t.Errorf("%q needs %s", line, kplbs)
			}
		}
	}
	if !strings.HasPrefix(text, "#!/bin/sh\n") {
		t.Errorf("begins with %.20q", text)
	}
}
