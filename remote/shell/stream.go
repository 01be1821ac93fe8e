package shell

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/kplb/kplb/remote/failure"
)

// begin streams the script and starts reading.
func (r *run) begin() {
	r.started = time.Now()
	r.stdout, r.stderr = newFrames(r.shell.stdout.r, r.nonce), newErrorStream(r.shell.stderr.r, r.nonce)
	r.stdout.read, r.stdout.onRead = r.shell.command.program, func() { r.shell.read.Store(true) }
	go r.feed()
	var readers sync.WaitGroup
	readers.Go(r.readOutput)
	readers.Go(r.readErrors)
	go func() {
		readers.Wait()
		if r.stdout.ended && r.stderr.ended {
			r.shell.release()
		} else {
			r.shell.close()
		}
		close(r.drained)
		<-r.host.sessions
	}()
}

// feed streams the script, behind the program that runs it where the shell is new.
func (r *run) feed() {
	sh := r.shell
	var opening []byte
	if !sh.sent {
		opening, sh.sent = []byte(program), true
	}
	limit := strconv.Itoa(int(r.script.limit().Seconds()))
	if r.script.Resident {
		limit = "resident"
	}
	text := r.script.stream(r.nonce)
	// A write fails when the shell has ended or the connection has: both are seen elsewhere.
	if sh.send(opening, fmt.Appendf(nil, "%s %s %d\n", r.nonce, limit, len(text)), text) != nil {
		return
	}
	r.fed.Store(true)
	if r.script.Heartbeat > 0 {
		sh.heartbeats.Do(func() { go sh.sendHeartbeats(r.script.Heartbeat) })
	}
}

func (r *run) readOutput() {
	defer close(r.records)
	for {
		line, err := r.stdout.next()
		if err != nil {
			if errors.Is(err, failure.ErrOutputLimit) {
				r.fault(r.host.error(fmt.Errorf("%s %w", r.script.Name, err), ""))
			}
			return
		}
		record, begin, ok := parseRecord(line)
		if begin {
			r.begun.Store(true)
		}
		if begin || !ok {
			continue
		}
		select {
		case r.records <- record:
		case <-r.over: // read on: the next script has to find its own output
		}
	}
}
