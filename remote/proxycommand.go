package remote

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/kplb/kplb/remote/failure"
)

// proxyConn is a connection over the standard input and output of a ProxyCommand.
type proxyConn struct {
	command *exec.Cmd
	in, out *os.File      // our ends of its streams
	said    standardError // on its standard error
	ended   chan struct{}
	close   sync.Once
	silent  atomic.Bool // one of its streams is closed, so that it is about to end
	hungUp  atomic.Bool // by us, while it was running
}

// startProxy runs the command as ssh does, but in a session of its own: a Ctrl-C is
// for us, who still need the connection to clean up, and two commands cannot ask for
// passwords on one terminal.
func startProxy(command string) (*proxyConn, error) {
	theirIn, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	out, theirOut, err := os.Pipe()
	if err != nil {
		_, _ = theirIn.Close(), in.Close()
		return nil, err
	}
	shell := os.Getenv("SHELL")
	if shell == "" {
		shell = "/bin/sh"
	}
	//nolint:gosec,noctx // it is what ssh_config says, and it ends with the connection
	p := &proxyConn{command: exec.Command(shell, "-c", "exec "+command), in: in, out: out, ended: make(chan struct{})}
	p.said.end.Limit = failure.TailSize
	p.command.Stdin, p.command.Stdout, p.command.Stderr = theirIn, theirOut, &p.said
	p.command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	p.command.WaitDelay = time.Second // for children that hold its standard error
	err = p.command.Start()
	_, _ = theirIn.Close(), theirOut.Close()
	if err != nil {
		_, _ = in.Close(), out.Close()
		return nil, err
	}
	go func() {
		_ = p.command.Wait()
		close(p.ended)
	}()
	return p, nil
}

func (p *proxyConn) Read(b []byte) (int, error) {
	n, err := p.out.Read(b)
	if err != nil {
		p.silent.Store(true)
	}
	return n, err
}

func (p *proxyConn) Write(b []byte) (int, error) {
	n, err := p.in.Write(b)
	if err != nil {
		p.silent.Store(true)
	}
	return n, err
}

// Close ends the command, and all that it has started: with SIGHUP as ssh does, and
// with SIGKILL if that does not help. One that is about to end by itself may do so.
func (p *proxyConn) Close() error {
	p.close.Do(func() {
		if p.silent.Load() {
			p.wait()
		}
		p.hungUp.Store(p.runs())
		_, _ = p.in.Close(), p.out.Close()
		group := -p.command.Process.Pid
		_ = syscall.Kill(group, syscall.SIGHUP)
		go func() {
			select {
			case <-p.ended:
			case <-time.After(2 * time.Second):
				_ = syscall.Kill(group, syscall.SIGKILL)
			}
		}()
	})
	return nil
}

// account is how the command has ended and what it has said, for an error.
func (p *proxyConn) account() string {
	what := "was still running"
	if !p.hungUp.Load() && p.wait() {
		what = "ended, " + p.command.ProcessState.String()
	}
	if said := lastLines(p.said.String()); said != "" {
		what += ": " + said
	}
	return "ProxyCommand " + what
}

// wait gives the command a moment to end.
func (p *proxyConn) wait() (ended bool) {
	select {
	case <-p.ended:
		return true
	case <-time.After(200 * time.Millisecond):
		return false
	}
}

// The library asks for addresses, and needs no deadlines.

func (p *proxyConn) LocalAddr() net.Addr              { return proxyAddr{} }
func (p *proxyConn) RemoteAddr() net.Addr             { return proxyAddr{} }
func (p *proxyConn) SetDeadline(time.Time) error      { return nil }
func (p *proxyConn) SetReadDeadline(time.Time) error  { return nil }
func (p *proxyConn) SetWriteDeadline(time.Time) error { return nil }

type proxyAddr struct{}

func (proxyAddr) Network() string { return "ProxyCommand" }
func (proxyAddr) String() string  { return "ProxyCommand" }

// runs says whether the command has not ended.
func (p *proxyConn) runs() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// standardError keeps the end of what a running command says.
type standardError struct {
	mu  sync.Mutex
	end failure.Tail
}

func (e *standardError) Write(b []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.end.Add(b)
	return len(b), nil
}

func (e *standardError) String() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.end.String()
}

// proxied adds what the ProxyCommand says to an error of its connection.
func proxied(err error, conn net.Conn) error {
	p, ok := conn.(*proxyConn)
	if !ok {
		return err
	}
	return fmt.Errorf("%w; %s", err, p.account())
}
