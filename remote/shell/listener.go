package shell

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/kplb/kplb/remote/failure"
)

// listener reads one stream of a new shell from mark to mark, and keeps the end of what comes between, for messages.
type listener struct {
	r *bufio.Reader

	mu   sync.Mutex
	said failure.Tail
}

func newListener(r io.Reader) *listener {
	return &listener{r: bufio.NewReaderSize(r, 32<<10), said: failure.Tail{Limit: failure.TailSize}}
}

// until reads as far as the first of the marks, wherever in a line it is, and gives it.
func (l *listener) until(marks ...string) (string, error) {
	for {
		if _, err := l.r.Peek(1); err != nil {
			return "", err
		}
		chunk, _ := l.r.Peek(l.r.Buffered()) // it is there
		mark, n, err := l.scan(chunk, marks)
		_, _ = l.r.Discard(n)
		if mark != "" || err != nil {
			return mark, err
		}
	}
}

// scan looks for a mark that ends in chunk, and says how much of it was taken.
func (l *listener) scan(chunk []byte, marks []string) (mark string, n int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	longest := 0
	for _, mark := range marks {
		longest = max(longest, len(mark))
	}
	before := l.said.Data[max(0, len(l.said.Data)-longest+1):] // a mark may have begun there
	window := slices.Concat(before, chunk)
	end := len(window) + 1
	for _, m := range marks {
		if i := bytes.Index(window, []byte(m)); i >= 0 && i+len(m) < end {
			mark, end = m, i+len(m)
		}
	}
	if mark != "" {
		n = end - len(before)
		l.said.Add(chunk[:n])
		l.said.Data = l.said.Data[:len(l.said.Data)-len(mark)]
		return mark, n, nil
	}
	l.said.Add(chunk)
	if l.said.Total > MaxOutput {
		err = fmt.Errorf("%w: over %d MiB before the first command", failure.ErrOutputLimit, MaxOutput>>20)
	}
	return "", len(chunk), err
}

// words are the last ones that were said, for people, on one line.
func (l *listener) words() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return failure.LastLines(l.said.String())
}

// heard is how many bytes have come.
func (l *listener) heard() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.said.Total
}

// forget drops what was said until now: it was about an earlier stage.
func (l *listener) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.said.Data = l.said.Data[:0]
}

// heard is a mark, or the reason why none came.
type heard struct {
	mark string
	err  error
}

// listen is until, for those who wait for something else, too.
func (l *listener) listen(marks ...string) <-chan heard {
	c := make(chan heard, 1)
	go func() {
		mark, err := l.until(marks...)
		c <- heard{mark, err}
	}()
	return c
}
