//go:build faults

package faults

import (
	"crypto/tls"
	"fmt"
	"sync"
	"time"

	"github.com/kplb/kplb/lab/machines"
)

// load are clients of the VIP: each makes one new TLS connection after the
// other; others hold theirs.
type load struct {
	mu     sync.Mutex
	count  int
	failed []string
	end    chan struct{}
	all    sync.WaitGroup
}

func clients(lab machines.Lab, fresh, held int) *load {
	l := &load{end: make(chan struct{})}
	for range fresh {
		l.all.Go(func() {
			a, err := newAsker(lab, 10*time.Second)
			for err == nil && l.pause(4*time.Millisecond) {
				began := time.Now()
				if failed := a.ask(vip, "/healthz"); failed != nil {
					l.fail(fmt.Sprintf("%s, after %.0f ms: %v", began.Format("15:04:05.000"), time.Since(began).Seconds()*1000, failed))
				}
				l.mu.Lock()
				l.count++
				l.mu.Unlock()
			}
			if err != nil {
				l.fail(err.Error())
			}
		})
	}
	for range held {
		l.all.Go(func() { l.hold(lab) })
	}
	return l
}

// hold keeps one connection, and asks over it at the end: it must be the
// same one still.
func (l *load) hold(lab machines.Lab) {
	a, err := newAsker(lab, 10*time.Second)
	var conn *tls.Conn
	if err == nil {
		conn, err = a.connect(vip)
	}
	if err != nil {
		l.fail(err.Error())
		return
	}
	defer conn.Close() //nolint:errcheck // it has been read
	<-l.end
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if err := question(conn, vip, "/healthz"); err != nil {
		l.fail("a held connection: " + err.Error())
	}
}

func (l *load) pause(d time.Duration) bool {
	select {
	case <-l.end:
		return false
	case <-time.After(d):
		return true
	}
}

func (l *load) fail(what string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failed = append(l.failed, what)
}

// stop ends the load, and says how many new connections there were and what
// failed, the first few.
func (l *load) stop() (int, []string) {
	close(l.end)
	l.all.Wait()
	if len(l.failed) > 3 {
		l.failed = append(l.failed[:3], fmt.Sprintf("and %d more", len(l.failed)-3))
	}
	return l.count, l.failed
}
