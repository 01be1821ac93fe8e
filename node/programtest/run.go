package programtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/kplb/kplb/remote"
	"github.com/kplb/kplb/remote/remotetest"
)

// enter is a command that runs on the node, as root.
func (n *Node) enter(ctx context.Context, name string, args ...string) *exec.Cmd {
	args = append([]string{
		"--target", strconv.Itoa(n.pid), "--user", "--mount", "--pid", "--net", "--root", "--wdns=/", "--preserve-credentials",
		"/usr/bin/env", "-i", "LC_ALL=C", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", name,
	}, args...)
	cmd := exec.CommandContext(ctx, "nsenter", args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a program that is killed does not take the test with it
	return cmd
}

// connect starts an SSH server whose commands run on the node, and dials it.
func (n *Node) connect() {
	n.t.Helper()
	n.server = remotetest.NewServer(n.t, remotetest.Options{Exec: n.serve})
	n.host = n.Dial()
}

// Dial makes another connection to the node, as another operator does.
func (n *Node) Dial() *remote.Host {
	n.t.Helper()
	h, err := remote.Dial(n.t.Context(), n.server.Target(), n.server.Options())
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { _ = h.Close() })
	return h
}

// ownGroup has each program run in a process group of its own, as coreutils' timeout
// does and busybox's does not: one that is killed leaves the connection alone.
const ownGroup = `timeout() { /usr/bin/timeout "$@"; }; `

// serve is what sshd does. The command may outlive its connection.
func (n *Node) serve(_ context.Context, e *remotetest.Exec) int {
	//nolint:contextcheck // see above
	cmd := n.enter(context.WithoutCancel(n.t.Context()), "/bin/sh", "-c", strings.Replace(e.Command, "/bin/sh -c '", "/bin/sh -c '"+ownGroup, 1))
	cmd.Stdout, cmd.Stderr = e.Stdout, e.Stderr
	// Not cmd.Stdin: Wait would wait for a client that leaves its end open.
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		_, _ = fmt.Fprintln(e.Stderr, err)
		return 127
	}
	go func() {
		_, _ = io.Copy(in, e.Stdin)
		_ = in.Close()
	}()
	return status(cmd.Wait())
}

// status is the exit status that a shell would show.
func status(err error) int {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return 0
	}
	if wait, ok := exit.Sys().(syscall.WaitStatus); ok && wait.Signaled() {
		return 128 + int(wait.Signal())
	}
	return exit.ExitCode()
}

// Answer is what a program has said, and how it has ended.
type Answer struct {
	Records []remote.Record
	Err     error // see remote.Host.Run
}

// Said gives the fields of the first record with a key.
func (a Answer) Said(key string) (fields []string, said bool) {
	i := slices.IndexFunc(a.Records, func(r remote.Record) bool { return r.Key == key })
	if i < 0 {
		return nil, false
	}
	return a.Records[i].Fields, true
}

// Refused is what the program has refused to do; empty: nothing.
func (a Answer) Refused() string {
	fields, _ := a.Said("refused")
	return strings.Join(fields, " ")
}

// Done says whether the program has come to its end.
func (a Answer) Done() bool {
	_, done := a.Said("done")
	return done && a.Err == nil
}

// Killed says whether somebody has killed it.
func (a Answer) Killed() bool {
	var failed *remote.ScriptError
	return errors.As(a.Err, &failed) && failed.Code == 128+int(syscall.SIGKILL)
}

func (a Answer) String() string {
	var out strings.Builder
	for _, r := range a.Records {
		fmt.Fprintf(&out, "%s %s\n", r.Key, strings.Join(r.Fields, " "))
	}
	if a.Err != nil {
		fmt.Fprintf(&out, "%v\n", a.Err)
	}
	return out.String()
}

// Run runs a program as an operator does.
func (n *Node) Run(s remote.Script) Answer { return n.RunOn(n.host, s) }

// RunOn runs a program over a connection of Dial's.
func (n *Node) RunOn(h *remote.Host, s remote.Script) Answer {
	if s.Name == "" {
		s.Name = "program"
	}
	s.Body = ". /harness/commands.sh\n" + s.Body
	var a Answer
	a.Err = h.Run(n.t.Context(), s, func(r remote.Record) error {
		a.Records = append(a.Records, r)
		return nil
	})
	return a
}

// Must runs commands that are no program of kplb's, and gives what they print.
func (n *Node) Must(text string) string {
	n.t.Helper()
	out, err := n.enter(n.t.Context(), "/bin/sh", "-c", text).CombinedOutput()
	if err != nil {
		n.t.Fatalf("%s: %v\n%s", text, err, out)
	}
	return string(out)
}

// RunFile runs a program that is a file on the node, as systemd does. It is Done
// if it ends with 0; what it prints is a record "output".
func (n *Node) RunFile(command ...string) Answer {
	args := append([]string{"60", "/bin/sh", "/harness/run"}, command...)
	out, err := n.enter(n.t.Context(), "timeout", args...).CombinedOutput()
	a := Answer{Records: []remote.Record{{Key: "output", Fields: []string{string(out)}}}}
	if code := status(err); code != 0 {
		a.Err = &remote.ScriptError{Host: "node", Script: command[0], Code: code}
	} else {
		a.Records = append(a.Records, remote.Record{Key: "done"})
	}
	return a
}

// execute runs a command line of a unit. The commands of the program that takes a
// change back are counted.
func (n *Node) execute(line string) (string, int) {
	line = strings.ReplaceAll(line, "/bin/sh /var/lib/kplb/", "/bin/sh /harness/run /var/lib/kplb/")
	out, err := n.enter(n.t.Context(), "timeout", "60", "/bin/sh", "-c", line).CombinedOutput()
	return string(out), status(err)
}
