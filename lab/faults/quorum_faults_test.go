//go:build faults

package faults

import (
	"slices"
	"strings"
	"time"

	"github.com/kplb/kplb/lab/machines"
)

func quorumFaults() []fault {
	return []fault{
		{id: "G1a", name: "first apply, etcd without its majority: members unhealthy, hanging, or unknown", count: 24, fast: 3, first: true, inject: noQuorum},
		{id: "G1b", name: "first apply, etcd with its majority: one member unhealthy, hanging, or unknown", count: 5, first: true, inject: quorum},
		{id: "G1c", name: "first apply, etcd loses its majority after a node has changed", count: 3, fast: 1, first: true, inject: quorumLost},
		{id: "G2", name: "the second node fails after the first one has changed", count: 8, fast: 1, inject: secondFails},
	}
}

// members says what the etcd of each node answers; see lab/standin.
type members [3]string

var etcdStates = []string{"healthy", "unhealthy", "hangs", "absent"}

// combinations are all that fit, the refused ones far from each other first.
func combinations(fits func(members) bool) []members {
	var out []members
	for i := range 64 {
		i = i * 37 % 64 // every one once, in another order
		m := members{etcdStates[i%4], etcdStates[i/4%4], etcdStates[i/16]}
		if fits(m) {
			out = append(out, m)
		}
	}
	return out
}

func (m members) count(state string) (n int) {
	for _, s := range m {
		if s == state {
			n++
		}
	}
	return n
}

// etcd has the nodes' members answer so until the end of the trial.
func (t *trial) etcd(m members) {
	for i, n := range machines.Nodes {
		t.harm(n, "echo "+m[i]+" >/etc/kubernetes/standin-etcd")
		t.later(func() { t.on(n, "rm -f /etc/kubernetes/standin-etcd") })
	}
	for i, n := range machines.Nodes { // the stand-in looks every so often
		t.harm(n, `for i in $(seq 50); do
			said=$(curl -s -m 0.3 http://127.0.0.1:2381/health); code=$?
			case "`+m[i]+` $code $said" in healthy*'"true"'*|unhealthy*'"false"'*|"hangs 28 "|"absent 7 ") exit 0 ;; esac
			sleep 0.1
		done; exit 1`)
	}
}

// noQuorum wants no apiserver to be restarted while etcd cannot spare one:
// fewer than two members are known to be well, and some are known.
func noQuorum(t *trial) {
	t.quick = true
	all := combinations(func(m members) bool { return m.count("healthy") < 2 && m.count("absent") < 3 })
	m := all[t.k%len(all)]
	t.etcd(m)
	o := t.first()
	o.wait(patience)
	t.op = o
	t.extra = 0
	t.notef("%v: kplb ended with %d after %.1f s", m, o.code, o.ended.Sub(o.began).Seconds())
	t.wants(3)
	if !strings.Contains(o.all(), "etcd has") {
		t.problem("G1: kplb does not say that it is etcd")
	}
}

func quorum(t *trial) {
	all := combinations(func(m members) bool { return m.count("healthy") == 2 })
	m := all[t.k%len(all)]
	t.etcd(m)
	o := t.first()
	o.wait(patience)
	t.op = o
	t.notef("%v: kplb ended with %d", m, o.code)
	t.wants(0)
}

// quorumLost has two members fail while the first apiserver restarts.
func quorumLost(t *trial) {
	t.etcd(members{"healthy", "healthy", "healthy"})
	o := t.first()
	o.hears("waiting for the apiserver")
	m := members{"healthy", "healthy", "healthy"}
	m[t.k%3], m[(t.k+1)%3] = "unhealthy", "unhealthy"
	t.etcd(m)
	o.wait(patience)
	t.op = o
	t.notef("%v: kplb ended with %d", m, o.code)
	t.wants(3)
	if !strings.Contains(o.all(), "etcd has 1 healthy") {
		t.problem("G1: kplb does not say that it is etcd")
	}
}

// secondFails kills a step of the second node.
func secondFails(t *trial) {
	o := t.apply()
	var order []string
	o.until(func(lines []string) bool {
		order = nil
		for _, line := range lines {
			for _, n := range machines.Nodes {
				if strings.Contains(line, nodeName(n)+": installing files") && !slices.Contains(order, n) {
					order = append(order, n)
				}
			}
		}
		return len(order) > 1
	})
	if len(order) < 2 {
		t.problem("G2: no second node was reached")
		o.wait(patience)
		return
	}
	time.Sleep(time.Duration(t.at * float64(t.usual) / 5))
	killed := t.killStepOn(o, order[1], 0, machines.Family)
	o.wait(patience)
	t.op = o
	t.notef("nodes %v, %d processes, kplb ended with %d", order, killed, o.code)
	t.wants(0, 3)
}
