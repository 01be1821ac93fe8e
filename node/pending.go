package node

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/remote"
)

// Pending is a change that is in place on a node and not confirmed.
type Pending struct{ Txn, About string }

// Pending says whether a change waits for its confirmation on the node.
func (f *Facts) Pending() (Pending, bool) {
	txn, ok := f.Files[pendingPath+"/txn"]
	return Pending{f.line(txn), f.line(f.Files[pendingPath+"/about"])}, ok
}

// Restored is what the node says of a change that it took back by itself;
// empty if there was none since the last one that was confirmed.
func (f *Facts) Restored() string {
	note := map[string]string{}
	for line := range strings.Lines(remote.Clean(string(f.Files[restoredPath].Content))) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		note[key] = value
	}
	if note["reason"] == "" {
		return ""
	}
	return fmt.Sprintf("a change (%s) was taken back at %s: %s", note["about"], note["time"], note["reason"])
}

// MeasuredRestart is how an apiserver has restarted whose manifest was replaced.
type MeasuredRestart struct {
	Kind inventory.Restart
	Took time.Duration // until it was ready
}

func (r MeasuredRestart) String() string { return fmt.Sprintf("%s %.1f", r.Kind, r.Took.Seconds()) }

// LastRestart is how the node's apiserver has restarted last, if that was
// written down, and is a time.
func (f *Facts) LastRestart() (MeasuredRestart, bool) {
	kind, said, _ := strings.Cut(strings.TrimSpace(string(f.Files[restartedPath].Content)), " ")
	seconds, err := strconv.ParseFloat(said, 64)
	if err != nil || !(seconds >= 0 && seconds < longestRestart.Seconds()) {
		return MeasuredRestart{}, false
	}
	return MeasuredRestart{inventory.Restart(kind), time.Duration(seconds * float64(time.Second))}, true
}

// longestRestart bounds what a node can say of its last restart.
const longestRestart = 24 * time.Hour

// Generation is the number of the node's confirmed generation, empty if kplb
// has never been here.
func (f *Facts) Generation() string { return f.line(f.Files[currentPath]) }

func (f *Facts) line(file File) string {
	line, _, _ := strings.Cut(string(file.Content), "\n")
	return remote.Clean(line)
}
