package remotetest

import (
	"slices"
	"sync"
)

// journal is what clients have asked for.
type journal struct {
	mu       sync.Mutex
	received []Received
	requests []string
}

// Received is one script that was run, or one command of Options.Exec.
type Received struct {
	User    string
	Command string // what came as the exec request: the same for all scripts of one shell
	Script  string // Script.Name, empty for Options.Exec
}

func (j *journal) receive(r Received) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.received = append(j.received, r)
}

// Received lists what was run, in order.
func (j *journal) Received() []Received {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.received)
}

// Requests lists the types of all requests and channels that clients asked for, in order.
func (j *journal) Requests() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.requests)
}

func (j *journal) note(kind string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.requests = append(j.requests, kind)
}
