//go:build faults

package faults

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kplb/kplb/lab/machines"
)

const (
	vip    = "10.1.233.1"
	window = 10 * time.Second // the shortest that kplb takes
)

// bench is one lab on which trials are carried out, one after the other. Each
// goes from one generation to the other, so none needs a reset.
type bench struct {
	machines.Lab
	t    *testing.T
	kplb string
	dir  string

	none, a, b *generation
	now        *generation
	usual      time.Duration // of an apply that nothing disturbs
	lines      int           // that it says on stderr
	calls      map[step]int  // system calls of its steps, see callsOf
	watch      *sampler
	broken     bool // the lab has to be made anew before the next trial
}

// generation is one inventory, and what it makes of every node: captured from
// the nodes after an apply that nothing disturbed.
type generation struct {
	name, file string
	monitor    string // the port on which a haproxy of this generation has its monitor page
	advert     string // in keepalived's own words
	trees      map[string]tree
}

const inventoryHead = `apiVersion: kplb/v1alpha1
kind: Cluster
name: lab
vip: 10.1.233.1
nodes:
  - {name: kubernetes-node-1, address: 10.1.1.1}
  - {name: kubernetes-node-2, address: 10.1.1.2}
  - {name: kubernetes-node-3, address: 10.1.1.3}
ssh: {user: pi}
`

func newBench(t *testing.T, lab machines.Lab) *bench {
	b := &bench{Lab: lab, t: t, dir: t.TempDir(), kplb: os.Getenv("FAULTS_KPLB")}
	if b.kplb == "" {
		b.kplb = filepath.Join(lab.Root, "bin/kplb")
	}
	b.none = &generation{name: "nothing"}
	b.a = b.generation("A", "haproxy: {maxConn: 4096, monitorPort: 8404}\nvrrp: {advertInterval: 100ms}\n", "8404", "100 milli-sec")
	b.b = b.generation("B", "haproxy: {maxConn: 4000, monitorPort: 8405}\nvrrp: {advertInterval: 200ms}\n", "8405", "200 milli-sec")
	b.broken = true
	return b
}

func (b *bench) generation(name, settings, monitor, advert string) *generation {
	return &generation{name: name, file: b.write(name+".yaml", inventoryHead+settings), monitor: monitor, advert: advert}
}

func (b *bench) write(name, text string) string {
	file := filepath.Join(b.dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		b.t.Fatal(err)
	}
	return file
}

// close leaves nothing behind.
func (b *bench) close() {
	if b.watch != nil {
		b.watch.stop()
	}
	if _, err := b.Verb("down"); err != nil {
		b.t.Error(err)
	}
}

// rebuild has the next trial begin on a new lab.
func (b *bench) rebuild() {
	b.broken = true
}

// ready brings the bench to where a trial can begin.
func (b *bench) ready(first bool) {
	if first && b.a.trees == nil { // what a first apply leads to is captured before it
		b.fresh()
		b.base()
	}
	if b.broken || first && b.now != b.none { // a first apply that was refused leaves nothing behind
		b.fresh()
	}
	if !first && b.now == b.none {
		b.base()
	}
}

// fresh makes a lab that kplb has never seen.
func (b *bench) fresh() {
	b.close()
	if _, err := b.Verb("up"); err != nil {
		b.t.Fatal(err)
	}
	b.broken = false
	b.capture(b.none)
	b.now = b.none
	for _, g := range []*generation{b.a, b.b} { // every lab has certificates of its own
		for n := range g.trees {
			for path, file := range b.none.trees[n] {
				if strings.HasPrefix(path, "/etc/kubernetes/pki/") || path == "/etc/kubernetes/admin.conf" {
					g.trees[n][path] = file
				}
			}
		}
	}
	b.watch = watch(b.Lab)
}

// base captures both generations, and how long a calm rollout takes.
func (b *bench) base() {
	b.must("apply", "-i", b.a.file, "--yes")
	b.capture(b.a)
	forth := b.must("apply", "-i", b.b.file, "--yes")
	b.capture(b.b)
	calm := b.must("apply", "-i", b.a.file, "--yes")
	// the quicker one: what is swept over longer than an apply takes hits nothing
	b.usual, b.lines = min(forth.ended.Sub(forth.began), calm.ended.Sub(calm.began)), len(calm.lines())
	b.now = b.a
}

func (b *bench) capture(g *generation) {
	g.trees = map[string]tree{}
	for _, n := range machines.Nodes {
		look, err := b.look(n)
		if err != nil {
			b.t.Fatal(err)
		}
		g.trees[n] = look.files
	}
}

// must runs kplb, which must work.
func (b *bench) must(args ...string) *operator {
	o := b.start(args...)
	if code := o.wait(5 * time.Minute); code != 0 {
		b.t.Fatalf("%s: kplb %v ends with %d on a lab that nothing is wrong with:\n%s", b.Name, args, code, o.said())
	}
	return o
}

// verb runs lab/lab.
func (b *bench) verb(words ...string) {
	if _, err := b.Verb(words[0], words[1:]...); err != nil {
		b.t.Logf("%s: %v", b.Name, err)
	}
}

// on runs a shell command in a node; what fails there is reported, and seen
// by the checks.
func (b *bench) on(node, command string) string {
	out, err := b.On(node, command)
	if err != nil {
		b.t.Logf("%s: %v", b.Name, err)
	}
	return out
}

func nodeNumber(k int) string { return machines.Nodes[k%len(machines.Nodes)] }

func nodeName(node string) string { return "kubernetes-node-" + node }

func itoa(i int) string { return strconv.Itoa(i) }

// text is the inventory of a generation.
func (b *bench) text(g *generation) string {
	data, err := os.ReadFile(g.file)
	if err != nil {
		b.t.Fatal(err)
	}
	return string(data)
}
