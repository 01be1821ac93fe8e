//go:build failover

package failover

import (
	"os/exec"
	"slices"
	"syscall"
	"time"

	"github.com/kplb/kplb/lab/machines"
)

func cutLink(r *run) error  { return port(r.victim, "down") }
func mendLink(r *run) error { return port(r.victim, "up") }

// port is the bridge's side of a node's cable, in this network.
func port(n, state string) error {
	return exec.Command("ip", "link", "set", "port-"+n, state).Run()
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

// replaced says that a daemon runs again, parent and child, by other processes.
func replaced(program string) func(*run) bool {
	return func(r *run) bool {
		now, err := r.field.pids(r.victim, program)
		return err == nil && len(now) >= 2 && !slices.ContainsFunc(now, func(pid int) bool { return slices.Contains(r.pids, pid) })
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
