package remote_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kplb/kplb/remote"
	"github.com/kplb/kplb/remote/remotetest"
)

// local has the shell of a connection run for real.
func local(t *testing.T) (*remotetest.Server, *remote.Host) {
	t.Helper()
	s := remotetest.NewServer(t, remotetest.Options{Exec: remotetest.LocalShell})
	return s, connect(t, s)
}

// TestOneShell runs script after script in one shell, whatever they leave behind in its streams.
func TestOneShell(t *testing.T) {
	s, h := local(t)
	for _, step := range []struct{ body, got, says string }{
		{`record a`, `a[]`, ""},
		{`printf 'no newline'; echo 'E: no' >&2; printf half >&2; exit 3`, "", "node: step: exit status 3: E: no | half"},
		{`record b; x=1; cd /; exit 0`, `b[]`, ""},
		{`record c "${x-unset}"; kill -9 $$`, `c["unset"]`, "node: step: exit status 137: Killed"},
		{`(sleep 0.1; echo late; echo late >&2) & record d`, `d[]`, ""},
		{`sleep 0.2; record e; cat`, `e[]`, ""},
		{`record f`, `f[]`, ""},
	} {
		got, err := collect(t, h, remote.Script{Name: "step", Body: step.body})
		if strings.Join(got, " ") != step.got || mask(errText(err)) != step.says {
			t.Errorf("%s:\n got  %v, %v\n want %s, %s", step.body, got, errText(err), step.got, step.says)
		}
	}
	if _, err := collect(t, h, remote.Script{Name: "step", Body: "syntax (error"}); !errors.Is(err, remote.ErrNotStarted) || !strings.Contains(err.Error(), "Syntax error") {
		t.Errorf("err = %v", err)
	}
	if n := len(s.Received()); n != 1 {
		t.Errorf("%d shells were started", n)
	}
}

// TestShellsAtOnce takes one more while the first is at work, and no further one.
func TestShellsAtOnce(t *testing.T) {
	s, h := local(t)
	for range 3 {
		err := h.Run(t.Context(), remote.Script{Name: "outer", Body: "record here; sleep 0.1"}, func(remote.Record) error {
			got, err := collect(t, h, remote.Script{Name: "inner", Body: "record there"})
			if len(got) != 1 {
				t.Errorf("%v, %v", got, err)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
	if n := len(s.Received()); n != 2 {
		t.Errorf("%d shells were started", n)
	}
}

const lockBody = `exec 8>>"$LOCK"
flock -n 8 || { record held; return 1; }
record locked
kplb_silence=$SILENCE
trap 'echo gone >"$LOCK.end"' EXIT`

// TestResident keeps a lock while scripts run beside and in its shell, and until the connection ends or the beats do.
func TestResident(t *testing.T) {
	lock := filepath.Join(t.TempDir(), "lock")
	script := func(beat time.Duration) remote.Script {
		return remote.Script{Name: "lock", Body: lockBody, Resident: true, Heartbeat: beat, Vars: map[string]string{"LOCK": lock, "SILENCE": "1"}}
	}
	free := func() bool { return exec.CommandContext(t.Context(), "flock", "-n", lock, "true").Run() == nil }
	want := func(what string, now bool) {
		t.Helper()
		deadline := time.Now().Add(4 * time.Second)
		for free() != now {
			if time.Now().After(deadline) {
				t.Fatalf("%s: the lock is free: %v", what, !now)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	t.Run("held by the shell alone, for as long as there are beats", func(t *testing.T) {
		s, h := local(t)
		if got, err := collect(t, h, script(100*time.Millisecond)); err != nil || !cmp.Equal(got, []string{"locked[]"}) {
			t.Fatalf("%v, %v", got, err)
		}
		// neither a child that outlives it, nor one that is killed, has the lock
		for _, body := range []string{"record x; [ ! -e /proc/self/fd/8 ]", "kill -9 $$", "sleep 1.5"} {
			_, _ = collect(t, h, remote.Script{Name: "beside", Body: body})
			if free() {
				t.Errorf("the lock is lost after %q", body)
			}
		}
		time.Sleep(1500 * time.Millisecond)
		if free() {
			t.Error("the lock is lost while it is idle")
		}
		_, other := local(t)
		got, err := collect(t, other, script(0))
		if err == nil || err.Error() != "node: lock: exit status 1" || !cmp.Equal(got, []string{"held[]"}) {
			t.Errorf("somebody else: %v, %v", got, err)
		}
		if n := len(s.Received()); n != 1 {
			t.Errorf("%d shells were started", n)
		}
		_ = h.Close()
		want("the connection is closed", true)
	})
	t.Run("given up without beats", func(t *testing.T) {
		_, h := local(t)
		if _, err := collect(t, h, script(0)); err != nil {
			t.Fatal(err)
		}
		want("nobody says anything", true)
		if _, err := os.Stat(lock + ".end"); err != nil {
			t.Error("the trap did not run")
		}
		if got, err := collect(t, h, remote.Script{Name: "next", Body: "record on"}); err != nil || len(got) != 1 {
			t.Errorf("the next script: %v, %v", got, err)
		}
	})
	t.Run("kept when a script is interrupted", func(t *testing.T) {
		_, h := local(t)
		if _, err := collect(t, h, script(100*time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		err := h.Run(ctx, remote.Script{Name: "long", Body: "record here; sleep 1"}, func(remote.Record) error { cancel(); return nil })
		if !errors.Is(err, context.Canceled) {
			t.Errorf("err = %v", err)
		}
		if free() {
			t.Error("the lock is lost")
		}
		// beside it at once, in it when it is free again
		if _, err := collect(t, h, remote.Script{Name: "beside", Body: "record x"}); err != nil {
			t.Error(err)
		}
		if _, err := collect(t, h, remote.Script{Name: "release", Body: "exec 8>&-\ntrap - EXIT", Resident: true}); err != nil {
			t.Error(err)
		}
		want("released", true)
	})
}

// TestShellIsKilled under a script: it is said, and the next script gets another one.
func TestShellIsKilled(t *testing.T) {
	_, h := local(t)
	_, err := collect(t, h, remote.Script{Name: "victim", Body: "record on; kill -9 $(ps -o ppid= $PPID)"})
	want := "node (HOST): connection lost during victim: the shell on the host was ended from outside (exit status 137)"
	if !errors.Is(err, remote.ErrConnectionLost) || errors.Is(err, remote.ErrNotStarted) || mask(errText(err)) != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	if got, err := collect(t, h, remote.Script{Name: "next", Body: "record on"}); err != nil || len(got) != 1 {
		t.Errorf("%v, %v", got, err)
	}
}
