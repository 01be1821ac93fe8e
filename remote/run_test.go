package remote_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kplb/kplb/remote"
	"github.com/kplb/kplb/remote/remotetest"
)

// connect dials a server and closes the connection with the test.
func connect(t *testing.T, s *remotetest.Server) *remote.Host {
	t.Helper()
	return dial(t, s.Target(), s.Options())
}

func dial(t *testing.T, target remote.Target, opts remote.Options) *remote.Host {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	h, err := remote.Dial(ctx, target, opts)
	if err != nil {
		t.Fatalf("dial: %v (hint: %s)", err, remote.Hint(err))
	}
	t.Cleanup(func() { _ = h.Close() })
	return h
}

// collect runs a script and gives its records as text.
func collect(t *testing.T, h *remote.Host, s remote.Script) ([]string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var got []string
	err := h.Run(ctx, s, func(r remote.Record) error {
		got = append(got, fmt.Sprintf("%s%q", r.Key, r.Fields))
		return nil
	})
	return got, err
}

func TestRunAnswersFromHandler(t *testing.T) {
	script := remote.Script{
		Name:  "inspect",
		Body:  "exit 99",
		Vars:  map[string]string{"A": "it's\na\\b", "B": ""},
		Files: map[string][]byte{"x'y": []byte("\x00\xff"), "empty": nil},
	}
	s := remotetest.NewServer(t, remotetest.Options{User: "pi", Scripts: map[string]remotetest.Handler{
		"inspect": func(c *remotetest.Call) int {
			if diff := cmp.Diff(script.Vars, c.Vars); diff != "" {
				t.Errorf("vars: %s", diff)
			}
			if diff := cmp.Diff(map[string][]byte{"x'y": []byte("\x00\xff"), "empty": {}}, c.Files); diff != "" {
				t.Errorf("files: %s", diff)
			}
			c.Record("fact", "a\tb\n\\t", "")
			c.RecordData("data", []byte("\x00"), "name")
			return 3
		},
	}})
	got, err := collect(t, connect(t, s), script)
	if err == nil || err.Error() != "node: inspect: exit status 3" {
		t.Errorf("err = %v", err)
	}
	want := []string{`fact["a\tb\n\\t" ""]`, `data["name" "AA=="]`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestRunForReal(t *testing.T) {
	s := remotetest.NewServer(t, remotetest.Options{Other: remotetest.RunShell})
	nasty := "it's $HOME `id` \"q\" \\ \t\n'';*? ü"
	got, err := collect(t, connect(t, s), remote.Script{
		Name: "real",
		Body: `record value "$VALUE" "" "$(cat | wc -c)"
kplb_file one | record_data data one
record umask "$(umask)"
echo noise
printf 'no newline'`,
		Vars:  map[string]string{"VALUE": nasty},
		Files: map[string][]byte{"one": []byte("a\x00b\n\n")},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{fmt.Sprintf(`value[%q "" "0"]`, nasty), `data["one" "YQBiCgo="]`, `umask["0077"]`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if command := s.Received()[0].Command; strings.Contains(command, "VALUE") || strings.Contains(command, "it's") {
		t.Errorf("data in the command: %s", command)
	}
}
