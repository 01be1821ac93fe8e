//go:build linux

package machines

import (
	"net"
	"time"
)

// Relay is a long cable in the operator's network: what comes in goes out a
// while later, both ways. The TCP handshake ends here and is not delayed.
type Relay struct {
	to    string
	delay time.Duration // one way
	net.Listener
}

// NewRelay listens on 127.0.0.1 in the operator's network until Close.
func NewRelay(l Lab, to string, delay time.Duration) (*Relay, error) {
	r := &Relay{to: to, delay: delay}
	listening := make(chan error)
	go func() { // it enters the network for good: sockets that it makes belong there
		err := l.Enter()
		if err == nil {
			r.Listener, err = net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it ends with Close
		}
		listening <- err
		if err == nil {
			r.accept()
		}
	}()
	return r, <-listening
}

func (r *Relay) accept() {
	for {
		from, err := r.Accept()
		if err != nil {
			return
		}
		to, err := net.Dial("tcp", r.to) //nolint:noctx // a node answers or refuses
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
func (r *Relay) carry(from, to net.Conn) {
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
