//go:build faults

package faults

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// operator is one run of kplb.
type operator struct {
	cmd  *exec.Cmd
	args []string
	out  *os.File // closed early by trials that close kplb's stdout

	mu     sync.Mutex
	text   strings.Builder
	stderr []string
	news   chan struct{} // something was said, or it ended
	done   chan struct{}
	code   int // -1: killed
	began  time.Time
	ended  time.Time
}

// start runs kplb where the operator is.
func (b *bench) start(args ...string) *operator {
	return b.startAs(nil, args...)
}

func (b *bench) startAs(env []string, args ...string) *operator {
	o := &operator{args: args, news: make(chan struct{}, 1), done: make(chan struct{}), began: time.Now()}
	o.cmd = b.Operator(context.Background(), append([]string{b.kplb}, args...)...)
	o.cmd.Dir = b.Root
	o.cmd.Env = append(append(os.Environ(), "KPLB_SSH_CONFIG="+b.State("ssh_config"), "HOME="+b.dir), env...)
	var readers sync.WaitGroup
	outRead, outWrite, err := os.Pipe()
	if err != nil {
		b.t.Fatal(err)
	}
	errRead, errWrite, err := os.Pipe()
	if err != nil {
		b.t.Fatal(err)
	}
	o.cmd.Stdout, o.cmd.Stderr, o.out = outWrite, errWrite, outRead
	if err := o.cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	_, _ = outWrite.Close(), errWrite.Close()
	readers.Go(func() { o.read(outRead, false) })
	readers.Go(func() { o.read(errRead, true) })
	go func() {
		_ = o.cmd.Wait() // the code tells
		readers.Wait()
		o.mu.Lock()
		o.code, o.ended = o.cmd.ProcessState.ExitCode(), time.Now()
		o.mu.Unlock()
		close(o.done)
	}()
	return o
}

func (o *operator) read(from io.ReadCloser, stderr bool) {
	defer from.Close() //nolint:errcheck // it was only read
	scan := bufio.NewScanner(from)
	scan.Buffer(nil, 1<<20)
	for scan.Scan() {
		o.mu.Lock()
		o.text.WriteString(scan.Text() + "\n")
		if stderr {
			o.stderr = append(o.stderr, scan.Text())
		}
		o.mu.Unlock()
		select {
		case o.news <- struct{}{}:
		default:
		}
	}
}

func (o *operator) lines() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]string{}, o.stderr...)
}

func (o *operator) said() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	var out []string
	for line := range strings.Lines(o.text.String()) { // without the diff
		if strings.HasPrefix(line, "kplb:") || strings.HasPrefix(line, "NO ") || strings.Contains(line, "->") {
			out = append(out, strings.TrimRight(line, "\n"))
		}
	}
	return strings.Join(out, "\n")
}

func (o *operator) all() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// wait gives the exit code, and ends what does not end by itself: code -2.
func (o *operator) wait(patience time.Duration) int {
	select {
	case <-o.done:
	case <-time.After(patience):
		o.signal(syscall.SIGKILL)
		<-o.done
		return -2
	}
	return o.code
}

func (o *operator) signal(s syscall.Signal) { _ = o.cmd.Process.Signal(s) } // it may have ended

func (o *operator) running() bool {
	select {
	case <-o.done:
		return false
	default:
		return true
	}
}

// until waits until kplb has said so many lines on stderr, or has ended.
func (o *operator) until(done func(lines []string) bool) bool {
	for {
		if done(o.lines()) {
			return true
		}
		select {
		case <-o.done:
			return done(o.lines())
		case <-o.news:
		case <-time.After(time.Minute):
			return false
		}
	}
}

// hears waits for a text on stderr.
func (o *operator) hears(text string) bool {
	return o.until(func(lines []string) bool { return strings.Contains(strings.Join(lines, "\n"), text) })
}
