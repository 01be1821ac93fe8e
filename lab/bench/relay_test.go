//go:build bench

package bench

import (
	"net"
	"testing"
	"time"
)

// relay is a long cable: what comes in goes out a while later, both ways. The
// TCP handshake ends here and is not delayed.
type relay struct {
	t     *testing.T
	to    string
	delay time.Duration // one way
	net.Listener
}

func newRelay(t *testing.T, to string, delay time.Duration) *relay {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{t, to, delay, l}
	go r.accept()
	return r
}

func (r *relay) accept() {
	for {
		from, err := r.Accept()
		if err != nil {
			return
		}
		to, err := (&net.Dialer{}).DialContext(r.t.Context(), "tcp", r.to)
		if err != nil {
			_ = from.Close()
			continue
		}
		go r.carry(from, to)
		go r.carry(to, from)
	}
}

type parcel struct {
	data []byte
	due  time.Time
}

// carry takes one way; the end comes as late as everything else.
func (r *relay) carry(from, to net.Conn) {
	way := make(chan parcel, 1024)
	go func() {
		defer to.Close() //nolint:errcheck // its end is what matters
		for p := range way {
			time.Sleep(time.Until(p.due))
			if _, err := to.Write(p.data); err != nil {
				_ = from.Close()
			}
		}
	}()
	defer close(way)
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			way <- parcel{append([]byte{}, buffer[:n]...), time.Now().Add(r.delay)}
		}
		if err != nil {
			return
		}
	}
}
