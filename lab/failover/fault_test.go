//go:build failover

package failover

import (
	"context"
	"slices"
	"strings"
	"syscall"
	"time"
)

// noContext is for what has limits of its own.
var noContext = context.Background()

// fault is one way to break a node.
type fault struct {
	name, title string
	victim      func(*run) string // whom it is for; nil: the holder of the VIP
	prepare     func(*run) error  // before clients are watched
	strike      func(*run) error
	mend        func(*run) error // what it takes until all is well again is waited for
	over        func(*run) bool  // nothing more comes of it
	lasts       time.Duration    // it is watched for so long at least,
	limit       time.Duration    // and at most
	lifted      bool             // mended while it is watched: its end is a part of it
	slow        bool             // comes last
	measure     func(*run) error // what is not measured as the others are
}

// least is long enough for a connection that is not answered to have failed,
// and for the others to be watched after that.
const least = time.Second + sound

var faults = []*fault{
	{
		name: "link-cut", title: "cable of the holder pulled",
		strike: cutLink, mend: mendLink, over: moved, lasts: least, limit: 40 * time.Second,
	},
	{
		name: "power-off", title: "power of the holder cut",
		strike: cutPower, mend: powerOn, over: moved, lasts: least, limit: 40 * time.Second, slow: true,
	},
	{
		name: "haproxy-killed", title: "HAProxy of the holder killed, every process",
		strike: send("haproxy", syscall.SIGKILL), mend: start("haproxy"), over: replaced("haproxy"), lasts: least, limit: 40 * time.Second,
	},
	{
		name: "keepalived-killed", title: "keepalived of the holder killed, both processes",
		strike: send("keepalived", syscall.SIGKILL), mend: start("keepalived"), over: replaced("keepalived"), lasts: 2 * time.Second, limit: 8 * time.Second, lifted: true,
	},
	{
		name: "keepalived-frozen", title: "keepalived of the holder frozen for 8 s",
		strike: send("keepalived", syscall.SIGSTOP), mend: thaw, over: replaced("keepalived"), lasts: 2 * time.Second, limit: 8 * time.Second, lifted: true,
	},
	{
		name: "apiserver-dies", title: "an apiserver killed, the holder's every other time",
		victim: alternately, prepare: hold, strike: killApiserver, mend: startApiserver, over: noticed, lasts: least, limit: 30 * time.Second,
	},
	{
		name: "apiserver-cut", title: "an apiserver's packets dropped, the holder's every other time",
		victim: alternately, prepare: hold, strike: cutApiserver, mend: joinApiserver, over: noticed, lasts: least, limit: 30 * time.Second,
	},
	{
		name: "planned-move", title: "keepalived of the holder stopped",
		strike: stopKeepalived, mend: start("keepalived"), over: moved, lasts: least, limit: 20 * time.Second,
	},
	{
		name: "all-apiservers-down", title: "every apiserver killed",
		measure: refusals, mend: startApiservers,
	},
	{
		name: "etcd-quorum-lost", title: "etcd without its majority, then the holder's cable pulled",
		prepare: loseQuorum, strike: cutLink, mend: findQuorum, over: moved, lasts: least, limit: 40 * time.Second,
	},
}

// inOrder is how they are carried out: the slow ones last, so that what is
// broken off has the others.
func inOrder() []*fault {
	out := slices.Clone(faults)
	slices.SortStableFunc(out, func(a, b *fault) int {
		switch {
		case a.slow == b.slow:
			return 0
		case a.slow:
			return 1
		}
		return -1
	})
	return out
}

func faultNamed(name string) *fault {
	i := slices.IndexFunc(faults, func(f *fault) bool { return f.name == name })
	if i < 0 {
		return nil
	}
	return faults[i]
}

func allFaults() string {
	names := make([]string, 0, len(faults))
	for _, f := range faults {
		names = append(names, f.name)
	}
	return strings.Join(names, ",")
}
