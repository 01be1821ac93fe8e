package remotetest

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Handler answers a script and returns its exit status.
type Handler func(c *Call) int

// Call is one script as the host gets it. sudo is played as one that lets everybody through.
type Call struct {
	Context context.Context // ends with the connection
	User    string
	Script  string // Script.Name
	Text    string // the whole stream, the body in it
	Vars    map[string]string
	Files   map[string][]byte
	Stdout  io.Writer
	Stderr  io.Writer

	nonce  string
	exec   *Exec
	conn   *conn
	server *Server
}

// Record reports a record, as record does in a script.
func (c *Call) Record(key string, fields ...string) {
	var line strings.Builder
	line.WriteString(c.nonce)
	for _, field := range append([]string{key}, fields...) {
		line.WriteString("\t" + escaper.Replace(field))
	}
	_, _ = io.WriteString(c.Stdout, line.String()+"\n")
}

// RecordData reports bytes, as record_data does: the last field holds them.
func (c *Call) RecordData(key string, data []byte, fields ...string) {
	c.Record(key, append(fields, base64.StdEncoding.EncodeToString(data))...)
}

// Cut drops the connection.
func (c *Call) Cut() { _ = c.conn.Close() }

var escaper = strings.NewReplacer(`\`, `\\`, "\t", `\t`, "\n", `\n`)

// RunShell is the Handler that runs the script with the real /bin/sh, as the current user. What is resident has to be run by
// LocalShell.
func RunShell(c *Call) int {
	text := strings.Replace(c.Text, "\nPATH=", "\nPATH="+c.server.opts.searchPath(), 1)
	return Options{Env: c.server.opts.Env}.shell(c.Context, "/bin/sh -s", strings.NewReader(text), c.Stdout, c.Stderr)
}

// LocalShell is the ExecHandler that runs the very command as sshd would, sudo and all, with Options.Path first in PATH.
func LocalShell(ctx context.Context, e *Exec) int {
	command := strings.ReplaceAll(e.Command, " PATH=", " PATH="+e.server.opts.searchPath())
	return e.server.opts.shell(ctx, command, e.Stdin, e.Stdout, e.Stderr)
}

func (o Options) searchPath() string {
	if o.Path == "" {
		return ""
	}
	return o.Path + ":"
}

// shell runs a command on this machine.
func (o Options) shell(ctx context.Context, command string, stdin io.Reader, stdout, stderr io.Writer) int {
	login := append(slices.Clone(o.Shell), "-c", command)
	if len(o.Shell) == 0 {
		login = append([]string{"/bin/sh"}, login...)
	}
	cmd := exec.CommandContext(ctx, login[0], login[1:]...)
	cmd.Env = append(os.Environ(), o.Env...)
	cmd.Stdout, cmd.Stderr = stdout, stderr
	// Not cmd.Stdin: Wait would wait for a client that leaves its end open.
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		_, _ = fmt.Fprintln(stderr, err)
		return 127
	}
	go func() {
		_, _ = io.Copy(in, stdin)
		_ = in.Close()
	}()
	err = cmd.Wait()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && exit.Exited():
		return exit.ExitCode()
	case err != nil:
		return 137
	}
	return 0
}

// dispatch is the shell: it gives one script after the other to its handler.
func (s *Server) dispatch(ctx context.Context, conn *conn, e *Exec) int {
	marks := marksOf(e.Command)
	_, _ = io.WriteString(e.Stderr, "\nkplb-login-"+marks.nonce+"\n"+marks.root)
	_, _ = io.WriteString(e.Stdout, "\nkplb-login-"+marks.nonce+"\n")
	stdin := bufio.NewReader(e.Stdin)
	if _, err := stdin.Discard(marks.program); err != nil {
		return 2
	}
	_, _ = io.WriteString(e.Stdout, "kplb-program-"+marks.nonce+"\n")
	for {
		line, err := stdin.ReadString('\n')
		if err != nil {
			return 0 // nobody is there any more
		}
		var nonce, limit string
		var size int
		if n, _ := fmt.Sscan(line, &nonce, &limit, &size); n != 3 {
			continue // a beat
		}
		text := make([]byte, size)
		if _, err := io.ReadFull(stdin, text); err != nil {
			return 0 // cut short: nothing of it runs
		}
		code := s.call(ctx, conn, e, string(text))
		_, _ = fmt.Fprintf(e.Stderr, "\n%s\n", nonce)
		if _, err := fmt.Fprintf(e.Stdout, "\n%s %d\n", nonce, code); err != nil {
			return 1
		}
	}
}

// marks are what a command prints when it reaches its stages.
type marks struct {
	nonce   string
	root    string // the whole line, or empty: there is no sudo
	program int    // bytes of the program
}

func marksOf(command string) marks {
	m := marks{nonce: loginMark.FindStringSubmatch(command)[1]}
	if strings.Contains(command, "kplb-root-") {
		m.root = "kplb-root-" + m.nonce + "\n"
	}
	m.program, _ = strconv.Atoi(programSize.FindStringSubmatch(command)[1]) // digits
	return m
}

// call has one script answered.
func (s *Server) call(ctx context.Context, conn *conn, e *Exec, text string) int {
	c := parseCall(text)
	c.Context, c.User, c.Stdout, c.Stderr = ctx, e.User, e.Stdout, e.Stderr
	c.exec, c.conn, c.server = e, conn, s
	s.receive(Received{User: e.User, Command: e.Command, Script: c.Script})
	handler := s.opts.Scripts[c.Script]
	if handler == nil {
		handler = s.opts.Other
	}
	if handler == nil {
		s.tb.Errorf("remotetest: nobody handles script %q", c.Script)
		_, _ = fmt.Fprintf(e.Stderr, "remotetest: nobody handles script %q\n", c.Script)
		return 127
	}
	_, _ = io.WriteString(c.Stdout, c.nonce+"\n")
	return handler(c)
}

var (
	loginMark   = regexp.MustCompile(`echo kplb-login-""([0-9a-f]+)`)
	programSize = regexp.MustCompile(`dd bs=([0-9]+) `)
	nameLine    = regexp.MustCompile(`^# kplb: (.*)\n`)
	nonceLine   = regexp.MustCompile(`(?m)^kplb_nonce=([0-9a-f]+)\n`)
	varStart    = regexp.MustCompile(`^([A-Z][A-Z0-9_]*)=`)
	fileLine    = regexp.MustCompile(` printf %s ([A-Za-z0-9+/=]*) \| base64 -d ;;\n$`)
)

// parseCall reads the stream back into what the caller of Run gave.
func parseCall(text string) *Call {
	c := &Call{Text: text, Vars: map[string]string{}, Files: map[string][]byte{}}
	if m := nameLine.FindStringSubmatch(text); m != nil {
		c.Script = m[1]
	}
	at := nonceLine.FindStringSubmatchIndex(text)
	if at == nil {
		return c
	}
	c.nonce = text[at[2]:at[3]]
	rest := text[at[1]:]
	for m := varStart.FindStringSubmatch(rest); m != nil; m = varStart.FindStringSubmatch(rest) {
		c.Vars[m[1]], rest = unquote(rest[len(m[0]):])
		rest = strings.TrimPrefix(rest, "\n")
	}
	rest = strings.TrimPrefix(rest, "kplb_file() {\ncase $1 in\n")
	for strings.HasPrefix(rest, "'") {
		var name string
		name, rest = unquote(rest)
		line, after, _ := strings.Cut(rest, "\n")
		if m := fileLine.FindStringSubmatch(line + "\n"); m != nil {
			c.Files[name], _ = base64.StdEncoding.DecodeString(m[1])
		}
		rest = after
	}
	return c
}

// unquote reads one word that remote.Quote made.
func unquote(s string) (word, rest string) {
	var b strings.Builder
	for {
		switch {
		case strings.HasPrefix(s, `\'`):
			b.WriteByte('\'')
			s = s[2:]
		case strings.HasPrefix(s, "'"):
			inner, after, _ := strings.Cut(s[1:], "'")
			b.WriteString(inner)
			s = after
		default:
			return b.String(), s
		}
	}
}
