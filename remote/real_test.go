package remote_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kplb/kplb/remote"
)

// TestRealSSHD runs against a real sshd when KPLB_TEST_SSHD=host:port:user:key:known_hosts[:sudo password] names one. The other tests use
// remotetest.
func realTarget(t testing.TB) (remote.Target, remote.Options) {
	fields := strings.Split(os.Getenv("KPLB_TEST_SSHD"), ":")
	if len(fields) < 5 {
		t.Skip("KPLB_TEST_SSHD is not set")
	}
	var port uint16
	if _, err := fmt.Sscan(fields[1], &port); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SSH_AUTH_SOCK", "")
	target := remote.Target{Name: "real", Host: fields[0], Port: port, User: fields[2], IdentityFiles: []string{fields[3]}}
	opts := remote.Options{KnownHosts: []string{fields[4]}}
	if len(fields) > 5 {
		opts.SudoPassword = func(context.Context, string) ([]byte, error) { return []byte(fields[5]), nil }
	}
	return target, opts
}

func TestRealSSHD(t *testing.T) {
	target, opts := realTarget(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	h, err := remote.Dial(ctx, target, opts)
	if err != nil {
		t.Fatal(err, remote.Hint(err))
	}
	defer func() { _ = h.Close() }()
	script := remote.Script{
		Name:  "facts",
		Body:  `record who "$(id -un)" "$VALUE"; kplb_file f | record_data file f; cat; echo oops >&2; exit 7`,
		Vars:  map[string]string{"VALUE": "a'b\tc\nd\\"},
		Files: map[string][]byte{"f": []byte("\x00\x01\n\n")},
	}
	var got []string
	err = h.Run(ctx, script, func(r remote.Record) error {
		got = append(got, fmt.Sprintf("%q", r))
		return nil
	})
	var failed *remote.ScriptError
	if !errors.As(err, &failed) || failed.Code != 7 {
		t.Fatal(err, remote.Hint(err))
	}
	want := `{"who" ["root" "a'b\tc\nd\\"]} {"file" ["f" "AAEKCg=="]}`
	if strings.Join(got, " ") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, " "), want)
	}
}

// TestRealScriptSurvives closes the connection under a script, which goes on all the same.
func TestRealScriptSurvives(t *testing.T) {
	target, opts := realTarget(t)
	h, err := remote.Dial(t.Context(), target, opts)
	if err != nil {
		t.Fatal(err)
	}
	trace := filepath.Join("/tmp", filepath.Base(t.TempDir())+t.Name()+strconv.Itoa(os.Getpid()))
	err = h.Run(t.Context(), remote.Script{
		Name: "survive", Body: `record begun; sleep 1; echo x; echo x >&2; record on; touch "$TRACE"; chmod 644 "$TRACE"`, Vars: map[string]string{"TRACE": trace},
	}, func(remote.Record) error { return h.Close() })
	if !errors.Is(err, remote.ErrConnectionLost) || errors.Is(err, remote.ErrNotStarted) {
		t.Errorf("err = %v", err)
	}
	time.Sleep(2 * time.Second)
	if _, err := os.Stat(trace); err != nil {
		t.Error("the script ended with the connection")
	}
	_ = os.Remove(trace)
}

func BenchmarkRealDialRun(b *testing.B) {
	target, opts := realTarget(b)
	for b.Loop() {
		h, err := remote.Dial(b.Context(), target, opts)
		if err != nil {
			b.Fatal(err)
		}
		if err := h.Run(b.Context(), remote.Script{Name: "nothing", Body: "record ok"}, nil); err != nil {
			b.Fatal(err)
		}
		_ = h.Close()
	}
}
