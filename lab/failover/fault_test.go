//go:build failover

package failover

import (
	"context"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/kplb/kplb/lab/machines"
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

func cutLink(r *run) error  { return port(r.victim, "down") }
func mendLink(r *run) error { return port(r.victim, "up") }

// port is the bridge's side of a node's cable, in this network.
func port(n, state string) error {
	return exec.Command("ip", "link", "set", "port-"+n, state).Run() //nolint:noctx // it does not wait
}

// moved says that another node has the VIP alone.
func moved(r *run) bool {
	now, _ := r.holders.now()
	return len(now) == 1 && now[0] != r.holder
}

// cutPower ends the machine and all that is in it at once, the cable first: no
// farewell of a dying process reaches the others.
func cutPower(r *run) error {
	init, err := r.init(r.victim)
	if err != nil {
		return err
	}
	pid := atoi(init)
	r.struck = time.Now()
	if err := port(r.victim, "down"); err != nil {
		return err
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		return err
	}
	r.holders.gone(r.victim, r.struck)
	delete(r.inits, r.victim)
	return nil
}

func powerOn(r *run) error {
	for _, verb := range []string{"poweroff", "poweron"} { // the first one tidies up what the cut has left
		if _, err := r.Verb(verb, r.victim); err != nil {
			return err
		}
	}
	return r.holders.attach(r.victim)
}

// send sends a signal to every process of a daemon on the holder, to those
// that another one has started first. What is to be killed must not see the
// others die: keepalived's child would be told of its parent's end by SIGTERM,
// and go in good order; its parent would start another child.
func send(program string, what syscall.Signal) func(*run) error {
	return func(r *run) error {
		family, err := r.family(r.victim, program)
		if err != nil {
			return err
		}
		r.pids = family
		r.struck = time.Now()
		if err := syscall.Kill(family[0], syscall.SIGSTOP); err != nil {
			return err
		}
		for _, pid := range slices.Backward(family) {
			if err := syscall.Kill(pid, what); err != nil {
				return err
			}
		}
		return nil
	}
}

// replaced says that a daemon runs again, by other processes, as it was.
func replaced(program string) func(*run) bool {
	return func(r *run) bool {
		now, err := r.field.pids(r.victim, program)
		return err == nil && len(now) >= len(r.pids) && !slices.ContainsFunc(now, func(pid int) bool { return slices.Contains(r.pids, pid) })
	}
}

// start has systemd start a unit that it has not started by itself.
func start(unit string) func(*run) error {
	return func(r *run) error { return r.on(r.victim, "systemctl reset-failed "+unit+"; systemctl start "+unit) }
}

// thaw wakes what is still frozen; something may have ended it.
func thaw(r *run) error {
	now, err := r.field.pids(r.victim, "keepalived")
	if err != nil {
		return err
	}
	for _, pid := range now {
		if slices.Contains(r.pids, pid) {
			_ = syscall.Kill(pid, syscall.SIGCONT) // it may end in this moment
		}
	}
	return start("keepalived")(r)
}

// stopKeepalived is what an apply does to the holder, when it has to.
func stopKeepalived(r *run) error {
	if _, err := r.init(r.victim); err != nil { // looked up before the clock runs
		return err
	}
	r.struck = time.Now()
	return r.on(r.victim, "systemctl stop keepalived")
}

// loseQuorum has two of three members of etcd say that there is no leader.
func loseQuorum(r *run) error {
	for i := range 2 {
		n := machines.Nodes[(r.k+i)%3]
		if err := r.on(n, "echo unhealthy >/etc/kubernetes/standin-etcd; "+
			`for i in $(seq 50); do curl -s -m 0.3 http://127.0.0.1:2381/health | grep -q '"false"' && exit 0; sleep 0.1; done; exit 1`); err != nil {
			return err
		}
	}
	return nil
}

func findQuorum(r *run) error {
	err := mendLink(r)
	for _, n := range machines.Nodes {
		if failed := r.on(n, "rm -f /etc/kubernetes/standin-etcd"); err == nil {
			err = failed
		}
	}
	return err
}

func faultNamed(name string) *fault {
	i := slices.IndexFunc(faults, func(f *fault) bool { return f.name == name })
	if i < 0 {
		return nil
	}
	return faults[i]
}

func allFaults() string {
	var names []string
	for _, f := range faults {
		names = append(names, f.name)
	}
	return strings.Join(names, ",")
}
