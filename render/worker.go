package render

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/kplb/kplb/haproxy"
	"github.com/kplb/kplb/inventory"
)

// WorkerMaxConn is how many connections at once a worker's balancer takes.
const WorkerMaxConn = 512

// workerFiles lists what every worker with a balancer gets, at paths that
// control-plane nodes have, too.
var workerFiles = []file{
	{"worker-haproxy.cfg.tmpl", HAProxyPath, 0o644, HAProxyReload, "", true},
	{"worker-haproxy.service.conf.tmpl", HAProxyUnitPath, 0o644, UnitReload, "", true},
}

// WorkerPaths lists the paths of all artifacts of a worker with a balancer, in
// the order of installation.
func WorkerPaths() []string {
	paths := make([]string, len(workerFiles))
	for i, f := range workerFiles {
		paths[i] = f.path
	}
	return paths
}

// workerData is what a worker's template sees beside what all see.
type workerData struct {
	data
	Servers       []inventory.Node // in the worker's own order
	MaxConn       int
	CheckInterval time.Duration
}

// Worker renders the artifacts of one worker, in the order of installation.
// Where workers have no balancer, there are none.
func (t *Templates) Worker(c *inventory.Cluster, n inventory.Node, f Facts) ([]Artifact, error) {
	if c.WorkerBalancer == nil {
		return nil, nil
	}
	d := workerData{
		data: newData(c, n, f), Servers: serversFor(n, c.Nodes),
		MaxConn: WorkerMaxConn, CheckInterval: min(time.Minute, workerChecks*c.HAProxy.Check.Interval),
	}
	return t.render(workerFiles, c, n, d)
}

// workerChecks is how many times more seldom than a control-plane node a worker
// asks an apiserver how it is: there may be hundreds of workers.
const workerChecks = 10

// serversFor brings the apiservers into an order that depends on the worker
// alone (rendezvous hashing): the workers spread over them, and a node that
// comes or goes leaves the order of the others as it was.
func serversFor(worker inventory.Node, nodes []inventory.Node) []inventory.Node {
	rank := func(n inventory.Node) string {
		sum := sha256.Sum256([]byte(worker.Name + "/" + n.Name))
		return string(sum[:])
	}
	out := slices.Clone(nodes)
	slices.SortFunc(out, func(a, b inventory.Node) int {
		if rank(a) < rank(b) {
			return -1
		}
		return 1
	})
	return out
}

// ReadBackWorker checks that a worker's files say what the inventory says, as
// ReadBack does for the others.
func ReadBackWorker(artifacts []Artifact, c *inventory.Cluster) error {
	i := slices.IndexFunc(artifacts, func(a Artifact) bool { return a.Path == HAProxyPath })
	if i < 0 {
		return nil
	}
	config := artifacts[i].Content
	bind := c.WorkerBalancer.Address().String()
	var errs []error
	want := func(form, what string) {
		if !regexp.MustCompile(`(?m)^\s*` + form + `\b`).Match(config) {
			errs = append(errs, fmt.Errorf("%s does not have %s", HAProxyPath, what))
		}
	}
	want(`bind\s+`+regexp.QuoteMeta(bind), "bind "+bind)
	for _, n := range c.Nodes {
		server := hostport(n.Address, c.Port)
		want(`server\s+\S+\s+`+regexp.QuoteMeta(server), "a server "+server)
	}
	return errors.Join(append(errs, readBackBalancing(haproxy.Parse(config), []string{bind}, nil)...)...)
}
