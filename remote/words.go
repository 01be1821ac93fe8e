package remote

import (
	"bytes"
	"net"
	"sync"

	"github.com/kplb/kplb/remote/failure"
)

// words are what a host says to people during a login: lines before its version, banners, what comes with a question, and why it hangs up.
type words struct {
	mu   sync.Mutex
	text failure.Tail
}

func newWords() *words { return &words{text: failure.Tail{Limit: failure.TailSize}} }

func (w *words) add(text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text.Add([]byte(text + "\n"))
}

func (w *words) banner(text string) error {
	w.add(text)
	return nil
}

// String is for people: the last lines, on one line.
func (w *words) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return lastLines(w.text.String())
}

// greeted is a connection whose first lines are heard, up to the version of its SSH server (RFC 4253, 4.2): the library drops them. sshd
// says there that too many logins are under way, and other servers say what they are.
type greeted struct {
	net.Conn
	words *words
	line  []byte
	done  bool
}

func (g *greeted) Read(p []byte) (int, error) {
	n, err := g.Conn.Read(p)
	if g.done {
		return n, err
	}
	for _, b := range p[:n] {
		switch {
		case g.done:
		case b == '\n' || len(g.line) == 1024:
			g.words.add(string(g.line))
			g.line = g.line[:0]
		default:
			g.line = append(g.line, b)
			g.done = bytes.Equal(g.line, []byte("SSH-"))
		}
	}
	if err != nil && !g.done {
		g.words.add(string(g.line))
		g.done = true
	}
	return n, err
}
