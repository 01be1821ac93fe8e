package remote_test

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kplb/kplb/remote"
	"github.com/kplb/kplb/remote/remotetest"
)

// stream gives what Run sends for a script.
func stream(t *testing.T, script remote.Script) string {
	t.Helper()
	var text string
	s := remotetest.NewServer(t, remotetest.Options{Other: func(c *remotetest.Call) int {
		text = c.Text
		return 0
	}})
	if _, err := collect(t, connect(t, s), script); err != nil {
		t.Fatal(err)
	}
	return text
}

// TestCutStreamRunsNothing cuts the stream at every byte near its end and at many before.
func TestCutStreamRunsNothing(t *testing.T) {
	for _, shell := range []string{"dash", "bash"} {
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			if _, err := exec.LookPath(shell); err != nil {
				t.Skip(err)
			}
			trace := filepath.Join(t.TempDir(), "trace")
			text := stream(t, remote.Script{
				Name:  "cut",
				Body:  "touch \"$TRACE\"\nif true; then\ntouch \"$TRACE\"\nfi\ntouch \"$TRACE\" &\nwait",
				Vars:  map[string]string{"TRACE": trace, "TEXT": "a\ntouch " + trace + "\n'; touch " + trace + "; '"},
				Files: map[string][]byte{"f": []byte("x")},
			})
			for end := range len(text) {
				if end < len(text)-500 && end%23 != 0 || end == len(text)-1 {
					continue // without its very last line end the stream is complete
				}
				runShell(t, shell, text[:end])
				if _, err := os.Stat(trace); err == nil {
					t.Fatalf("cut after %d of %d bytes, the body ran:\n%s", end, len(text), text[max(0, end-200):end])
				}
			}
			runShell(t, shell, text)
			if _, err := os.Stat(trace); err != nil {
				t.Fatal("the whole stream did not run: the test proves nothing")
			}
		})
	}
}

func runShell(t *testing.T, shell, text string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), shell, "-s")
	cmd.Dir, cmd.Stdin = t.TempDir(), strings.NewReader(text)
	_ = cmd.Run() // most are syntax errors
}

// TestCutStdin drops the connection while the script is sent.
func TestCutStdin(t *testing.T) {
	trace := filepath.Join(t.TempDir(), "trace")
	s := remotetest.NewServer(t, remotetest.Options{Exec: remotetest.LocalShell, Faults: remotetest.Faults{CutStdin: 100 << 10}})
	_, err := collect(t, connect(t, s), remote.Script{
		Name: "cut", Body: "touch " + trace, Files: map[string][]byte{"big": make([]byte, 8<<20)},
	})
	if !errors.Is(err, remote.ErrConnectionLost) || !errors.Is(err, remote.ErrNotStarted) {
		t.Errorf("err = %v", err)
	}
	if want := "node (HOST): connection lost during cut: the host closed it; the script did not start"; mask(err.Error()) != want {
		t.Errorf("got  %s\nwant %s", mask(err.Error()), want)
	}
	if _, err := os.Stat(trace); err == nil {
		t.Error("the body ran")
	}
}

func TestCutStdout(t *testing.T) {
	s := remotetest.NewServer(t, remotetest.Options{Other: func(c *remotetest.Call) int {
		for i := range 100 {
			c.Record("line", strconv.Itoa(i))
		}
		return 0
	}, Faults: remotetest.Faults{CutStdout: 400}})
	got, err := collect(t, connect(t, s), remote.Script{Name: "cut", Body: ":"})
	if !errors.Is(err, remote.ErrConnectionLost) || errors.Is(err, remote.ErrNotStarted) {
		t.Errorf("err = %v", err)
	}
	if len(got) > 10 {
		t.Errorf("%d records of a cut stream", len(got))
	}
}

// TestLostReaderDoesNotStopScript plays a connection that is gone: nobody reads, and the shell gets SIGHUP.
func TestLostReaderDoesNotStopScript(t *testing.T) {
	trace := filepath.Join(t.TempDir(), "trace")
	text := stream(t, remote.Script{
		Name: "lost", Body: "kill -HUP $$\nrecord a\nrecord b\necho c >&2\nrecord_data d </dev/null\nset -e\nrecord e\ntouch \"$TRACE\"",
		Vars: map[string]string{"TRACE": trace},
	})
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Close()
	cmd := exec.CommandContext(t.Context(), "/bin/sh", "-s")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(text), w, w
	if err := cmd.Run(); err != nil {
		t.Errorf("the script ended with %v", err)
	}
	if _, err := os.Stat(trace); err != nil {
		t.Error("the script did not go on")
	}
}

func TestFloods(t *testing.T) {
	endless := func(w func(c *remotetest.Call) io.Writer, text string) remotetest.Handler {
		block := []byte(strings.Repeat(text, 64<<10/len(text)))
		return func(c *remotetest.Call) int {
			for range 1 << 30 / len(block) { // 1 GiB
				if _, err := w(c).Write(block); err != nil {
					return 1
				}
			}
			return 0
		}
	}
	stdout := func(c *remotetest.Call) io.Writer { return c.Stdout }
	stderr := func(c *remotetest.Call) io.Writer { return c.Stderr }
	tests := map[string]struct {
		handler remotetest.Handler
		want    string
	}{
		"no newline":     {endless(stdout, "x"), "node (HOST): flood printed more than is accepted: over 16 MiB on standard output"},
		"lines":          {endless(stdout, "noise\n"), "node (HOST): flood printed more than is accepted: over 16 MiB on standard output"},
		"NUL":            {endless(stdout, "\x00"), "node (HOST): flood printed more than is accepted: over 16 MiB on standard output"},
		"standard error": {endless(stderr, "E: x\n"), "node (HOST): flood printed more than is accepted: over 16 MiB on standard error"},
		"one record": {func(c *remotetest.Call) int {
			c.Record("big", strings.Repeat("x", 2<<20))
			return 0
		}, "node (HOST): flood printed more than is accepted: a record over 1 MiB"},
		"records": {func(c *remotetest.Call) int {
			for range 200 {
				c.Record("big", strings.Repeat("x", 100<<10))
			}
			return 0
		}, "node (HOST): flood printed more than is accepted: over 16 MiB on standard output"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := remotetest.NewServer(t, remotetest.Options{Other: tt.handler})
			h := connect(t, s)
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			_, err := collect(t, h, remote.Script{Name: "flood", Body: ":"})
			if !errors.Is(err, remote.ErrOutputLimit) || mask(err.Error()) != tt.want {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
			runtime.GC()
			runtime.ReadMemStats(&after)
			if grown := int64(after.HeapInuse) - int64(before.HeapInuse); grown > 24<<20 { // what collect keeps, the server's side too
				t.Errorf("heap grew by %d MiB", grown>>20)
			}
			// The connection is still good.
			if name == "no newline" {
				if _, err := collect(t, h, remote.Script{Name: "flood", Body: ":"}); !errors.Is(err, remote.ErrOutputLimit) {
					t.Errorf("second run: %v", err)
				}
			}
		})
	}
}

func TestRunCancel(t *testing.T) {
	s := remotetest.NewServer(t, remotetest.Options{Other: func(c *remotetest.Call) int {
		for c.Context.Err() == nil {
			c.Record("drip")
			time.Sleep(10 * time.Millisecond)
		}
		return 0
	}})
	h := connect(t, s)
	before := calm()
	for range 6 {
		ctx, cancel := context.WithCancel(t.Context())
		var ended, late atomic.Bool
		var start time.Time
		begun := sync.OnceFunc(func() { time.AfterFunc(50*time.Millisecond, func() { start = time.Now(); cancel() }) })
		err := h.Run(ctx, remote.Script{Name: "drip", Body: ":"}, func(remote.Record) error {
			begun()
			if ended.Load() {
				late.Store(true)
			}
			return nil
		})
		ended.Store(true)
		if !errors.Is(err, context.Canceled) || mask(err.Error()) != "node (HOST): interrupted during drip" {
			t.Errorf("err = %v", err)
		}
		if took := time.Since(start); took > 200*time.Millisecond {
			t.Errorf("took %s", took)
		}
		if late.Load() {
			t.Error("each was called after Run had returned")
		}
	}
	settle(t, before)
}

// TestRunCancelBeforeSession cancels while the host does not even answer.
func TestRunCancelBeforeSession(t *testing.T) {
	s := remotetest.NewServer(t, remotetest.Options{Faults: remotetest.Faults{NoSession: true}})
	before := calm()
	h := connect(t, s)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := h.Run(ctx, remote.Script{Name: "x", Body: ":"}, nil)
	if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, remote.ErrNotStarted) {
		t.Errorf("err = %v", err)
	}
	_ = h.Close()
	settle(t, before)
}

func TestEachEndsRun(t *testing.T) {
	s := remotetest.NewServer(t, remotetest.Options{Other: func(c *remotetest.Call) int {
		for c.Context.Err() == nil {
			c.Record("more")
		}
		return 0
	}})
	enough := errors.New("enough")
	if err := connect(t, s).Run(t.Context(), remote.Script{Name: "x", Body: ":"}, func(remote.Record) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("err = %v", err)
	}
}

func TestLimit(t *testing.T) {
	s := remotetest.NewServer(t, remotetest.Options{Exec: remotetest.LocalShell})
	h := connect(t, s)
	start := time.Now()
	_, err := collect(t, h, remote.Script{Name: "slow", Body: "echo waiting >&2; sleep 60", Limit: 300 * time.Millisecond})
	var failed *remote.ScriptError
	if !errors.As(err, &failed) || failed.TimedOut != time.Second || failed.Code != 124 {
		t.Errorf("err = %#v", err)
	}
	if want := "node: slow: was still running after 1s and was ended: waiting"; err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("took %s", took)
	}
	if _, err := collect(t, h, remote.Script{Name: "own", Body: "exit 124", Limit: time.Minute}); err.Error() != "node: own: exit status 124" {
		t.Errorf("err = %v", err)
	}
}

// TestManyAtOnce runs more than a host's MaxSessions.
func TestManyAtOnce(t *testing.T) {
	s := remotetest.NewServer(t, remotetest.Options{Faults: remotetest.Faults{MaxSessions: 10}, Other: func(*remotetest.Call) int {
		time.Sleep(10 * time.Millisecond)
		return 0
	}})
	h := connect(t, s)
	var running sync.WaitGroup
	for range 20 { // more than may run at once
		running.Go(func() {
			if err := h.Run(t.Context(), remote.Script{Name: "x", Body: ":"}, nil); err != nil {
				t.Error(err)
			}
		})
	}
	running.Wait()
}

func TestMaxSessions(t *testing.T) {
	release := make(chan struct{})
	s := remotetest.NewServer(t, remotetest.Options{Faults: remotetest.Faults{MaxSessions: 1}, Other: func(c *remotetest.Call) int {
		c.Record("here")
		<-release
		return 0
	}})
	h := connect(t, s)
	err := h.Run(t.Context(), remote.Script{Name: "first", Body: ":"}, func(remote.Record) error {
		defer close(release)
		err := h.Run(t.Context(), remote.Script{Name: "second", Body: ":"}, nil)
		want := "node (HOST): no further session was allowed by the host (open failed): the script did not start"
		if !errors.Is(err, remote.ErrSessions) || mask(err.Error()) != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestScriptIsChecked(t *testing.T) {
	s := remotetest.NewServer(t, remotetest.Options{})
	h := connect(t, s)
	for want, script := range map[string]remote.Script{
		`node: script "" is not a valid script: its name must be one printable line`:       {},
		`node: script "a\nb" is not a valid script: its name must be one printable line`:   {Name: "a\nb"},
		`node: script "\x1b[m" is not a valid script: its name must be one printable line`: {Name: "\x1b[m"},
		`node: script x is not a valid script: "PATH" cannot be the name of a variable`:    {Name: "x", Vars: map[string]string{"PATH": "a"}},
		`node: script x is not a valid script: "a" cannot be the name of a variable`:       {Name: "x", Vars: map[string]string{"a": "a"}},
		`node: script x is not a valid script: "A;id" cannot be the name of a variable`:    {Name: "x", Vars: map[string]string{"A;id": "a"}},
		`node: script x is not a valid script: "A\n" cannot be the name of a variable`:     {Name: "x", Vars: map[string]string{"A\n": "a"}},
		`node: script x is not a valid script: the value of A holds a NUL`:                 {Name: "x", Vars: map[string]string{"A": "a\x00"}},
		`node: script x is not a valid script: its body holds a NUL`:                       {Name: "x", Body: "\x00"},
		`node: script x is not a valid script: the name of file "\x00" holds a NUL`:        {Name: "x", Files: map[string][]byte{"\x00": nil}},
	} {
		if err := h.Run(t.Context(), script, nil); !errors.Is(err, remote.ErrScript) || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
	if len(s.Received()) > 0 {
		t.Error("something was run")
	}
}
