package node

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kplb/kplb/distribution"
	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/node/programtest"
	"github.com/kplb/kplb/remote"
)

// operator runs programs on a node, as a rollout does. Its lock is only a file
// here: see TestLockPrograms for how one is taken.
type operator struct {
	node  *programtest.Node
	txn   string
	paths []string             // beside managedPaths
	other *distribution.Layout // nil: kubeadm's
}

const token = "token1"

// takes gives the node's lock to the operator.
func (o operator) takes() operator {
	o.node.Write("/run/kplb.token", token+"\n", 0o600)
	o.node.Write("/run/kplb.owner", "ann@desk\n", 0o600)
	return o
}

// layout is where the node's Kubernetes has what.
func (o operator) layout() distribution.Layout {
	if o.other != nil {
		return *o.other
	}
	return layout
}

// script is a program with its variables; those that every program of a change
// takes are there.
func (o operator) script(name string, vars map[string]string, files map[string]string) remote.Script {
	s := remote.Script{Name: name, Body: text(name), Limit: time.Minute, Vars: map[string]string{
		"KPLB_TXN": o.txn, "KPLB_TOKEN": token, "KPLB_PATHS": strings.Join(append(ManagedPaths(o.layout()), o.paths...), " "),
	}, Files: map[string][]byte{}}
	if slices.Contains(programs[name].library, "layout") {
		maps.Copy(s.Vars, layoutScript(name, o.layout(), map[string]string{}).Vars)
	}
	maps.Copy(s.Vars, vars)
	for name, content := range files {
		s.Files[name] = []byte(content)
	}
	return s
}

// programFile is what a change makes of a path: a file, or none.
type programFile struct {
	mode    string // empty: the file is removed
	owner   string // empty: 0:0
	content string
}

// change is one that an operator makes.
type change struct {
	files    map[string]programFile
	manifest string            // of the apiserver; empty: it stays
	activate map[string]string // the variables of activate.sh
}

// stage is the program that prepares a change on the node as it is.
func (o operator) stage(c change) remote.Script {
	var list strings.Builder
	files := map[string]string{"restore": string(restoreProgram(o.layout())), "record": "record of " + o.txn + "\n"}
	for i, path := range slices.Sorted(maps.Keys(c.files)) {
		name, f := fmt.Sprintf("file%d", i), c.files[path]
		before, after := "absent", "absent"
		if o.node.Exists(path) {
			before = string(SumOf([]byte(o.node.Read(path))))
		}
		if f.mode != "" {
			after = string(SumOf([]byte(f.content)))
			files[name] = f.content
		}
		fmt.Fprintf(&list, "%s %s %s %s %s %s\n", name, cmp.Or(f.mode, "600"), cmp.Or(f.owner, "0:0"), before, after, path)
	}
	return o.script("stage", map[string]string{
		"KPLB_NUMBER": o.next(),
		"KPLB_FILES":  list.String(), "KPLB_ABOUT": "ann@desk, cluster home", "KPLB_WINDOW": "30", "KPLB_VIP": "10.1.233.1/32 dev eth0", "KPLB_QUICK": "",
	}, files)
}

// next is the number of the cluster's next generation.
func (o operator) next() string {
	current, _ := strconv.Atoi(strings.TrimSpace(o.node.Read(basePath + "/current"))) // 0: there is none
	return strconv.Itoa(current + 1)
}

// transact looks whether a file was touched since it was staged. All were, if the
// node was reset.
func (o operator) transact() remote.Script {
	if seen := basePath + "/stage/seen"; o.node.Exists(seen) {
		o.node.Must("stat -c '%n %i %f %u:%g %s %z' -- $(cat " + basePath + "/stage/paths) >" + seen + " 2>/dev/null || true")
	}
	return o.script("transact", nil, nil)
}

func (o operator) activate(c change) remote.Script {
	vars := map[string]string{
		"KPLB_UNITS": "", "KPLB_SYSCTL": "", "KPLB_ENABLE": "", "KPLB_DISABLE": "", "KPLB_HAPROXY": "", "KPLB_KEEPALIVED": "", "KPLB_KUBELET": "",
		"KPLB_REDIRECT": "", "KPLB_DIRECTOR": "", "KPLB_MARK": mark, "KPLB_GIVE": "", "KPLB_GIVE_OF": "0", "KPLB_OPEN": "", "KPLB_CLOSE": "",
		"KPLB_SERVES": "", "KPLB_NO_BIND6": "",
	}
	maps.Copy(vars, c.activate)
	return o.script("activate", vars, map[string]string{"active": "sums of " + o.txn + "\n"})
}

func (o operator) manifest(c change) remote.Script {
	return o.script("manifest", map[string]string{
		"KPLB_BEFORE": string(SumOf([]byte(o.node.Read(o.layout().APIServerConfig)))), "KPLB_MODE": "600", "KPLB_PORT": "6443",
	}, map[string]string{"manifest": c.manifest})
}

func (o operator) precommit() remote.Script { return o.script("precommit", nil, nil) }

func (o operator) confirm() remote.Script {
	return o.script("confirm", map[string]string{"KPLB_RESTARTED": "", "KPLB_KEEP": "2"}, nil)
}

func (o operator) back() remote.Script {
	return o.script("revert", map[string]string{"KPLB_REASON": "the rollout stopped: a test"}, nil)
}

// programStep is one program of a change.
type programStep struct {
	name string
	run  func() programtest.Answer
}

// steps are the programs of a change, in their order.
func (o operator) steps(c change) []programStep {
	run := func(s func() remote.Script) func() programtest.Answer {
		return func() programtest.Answer { return o.node.Run(s()) }
	}
	steps := []programStep{
		{"stage", run(func() remote.Script { return o.stage(c) })},
		{"transact", run(o.transact)},
		{"manifest", run(func() remote.Script { return o.manifest(c) })},
		{"activate", run(func() remote.Script { return o.activate(c) })},
		{"precommit", run(o.precommit)},
		{"confirm", run(o.confirm)},
	}
	if c.manifest == "" {
		steps = slices.Delete(steps, 2, 3)
	}
	return steps
}

// does runs the programs of a change up to the named one, and no program if the
// name is empty.
func (o operator) does(t *testing.T, c change, until string) {
	t.Helper()
	if until == "" {
		return
	}
	for _, s := range o.steps(c) {
		if a := s.run(); !a.Done() {
			t.Fatalf("%s: %s", s.name, a)
		}
		if s.name == until {
			return
		}
	}
}

// The changes of the tests.
var (
	// first is a first apply: nothing of kplb's is there, keepalived does not run.
	first = change{
		files: map[string]programFile{
			"/etc/haproxy/haproxy.cfg":                              {mode: "644", content: "# kplb\nfrontend kube-apiserver\n  bind 10.1.1.1:6443\n"},
			"/etc/keepalived/keepalived.conf":                       {mode: "600", content: "vrrp_script check {\n  script \"/etc/keepalived/kplb-check\"\n}\n"},
			"/etc/keepalived/kplb-check":                            {mode: "755", content: "#!/bin/sh\n"},
			"/etc/sysctl.d/90-kplb.conf":                            {mode: "644", content: "net.ipv4.ip_nonlocal_bind = 1\n"},
			"/etc/systemd/system/haproxy.service.d/50-kplb.conf":    {mode: "644", content: "[Service]\nLimitNOFILE=524288\n"},
			"/etc/systemd/system/keepalived.service.d/50-kplb.conf": {mode: "644", content: "[Service]\nType=notify\n"},
			"/etc/systemd/system/kplb-redirect.service":             {mode: "644", content: redirectUnit},
			"/etc/haproxy/kplb-redirect.nft":                        {mode: "644", content: "table ip kplb {\n}\ntable ip6 kplb6 {\n}\n"},
		},
		manifest: "metadata:\n  name: new\n",
		activate: map[string]string{
			"KPLB_UNITS": "1", "KPLB_SYSCTL": "1", "KPLB_ENABLE": "keepalived.service kplb-redirect.service", "KPLB_HAPROXY": "restart",
			"KPLB_KEEPALIVED": "start", "KPLB_REDIRECT": "start", "KPLB_SERVES": "10.1.1.1:6443",
		},
	}
	// second is a change of what first has made: files change, get another mode,
	// and go; the daemons only reload.
	second = change{
		files: map[string]programFile{
			"/etc/haproxy/haproxy.cfg":                  {mode: "640", content: "# kplb\nfrontend kube-apiserver\n  bind 10.1.1.1:7443\n"},
			"/etc/keepalived/keepalived.conf":           {mode: "600", content: "vrrp_script check {\n  script \"/etc/keepalived/kplb-check\"\n  weight 2\n}\n"},
			"/etc/systemd/system/kplb-redirect.service": {},
			"/etc/haproxy/kplb-redirect.nft":            {},
		},
		activate: map[string]string{
			"KPLB_UNITS": "1", "KPLB_DISABLE": "kplb-redirect.service", "KPLB_HAPROXY": "reload", "KPLB_KEEPALIVED": "reload", "KPLB_REDIRECT": "stop",
			"KPLB_SERVES": "10.1.1.1:7443",
		},
	}
)

const redirectUnit = "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStop=-/usr/sbin/nft delete table ip kplb\n"

// freshNode is a control-plane node before kplb, with an operator that has its lock.
func freshNode(t *testing.T, shell string) operator {
	t.Helper()
	n := programtest.New(t, shell)
	n.Write(kubeadm.ManifestPath, "metadata:\n  name: old\n", 0o600)
	return operator{node: n, txn: "txn1"}.takes()
}

// afterFirst is a node after first, with an operator who is about to make another
// change.
func afterFirst(t *testing.T, shell string) operator {
	t.Helper()
	o := freshNode(t, shell)
	o.does(t, first, "confirm")
	o.txn = "txn2"
	return o
}

// programState is all of a node that a change must bring to what it should be, or leave
// as it was: nothing in it differs from run to run.
type programState struct {
	Files programtest.Tree
	Units map[string]programtest.Unit
	Armed bool // there is something left of a way back
}

// stateOf reads it.
func stateOf(n *programtest.Node) programState { return stateIn(n.Tree()) }

// stateIn finds it in all that a node has. Directories count only where kplb keeps
// its own.
func stateIn(tree programtest.Tree) programState {
	files := tree.Below("/etc", "/proc/sys", "/run").Files().Without("/run/kplb.lock", "/run/kplb.token", "/run/kplb.owner", "/run/kplb.holder")
	maps.Copy(files, tree.Below(basePath).Without(basePath+"/restored", basePath+"/stage/seen"))
	if len(files.Below(basePath)) == 1 { // nothing but what was taken back is written down there
		delete(files, basePath)
	}
	s := programState{Files: files, Units: tree.Units()}
	for name := range tree.Below("/node/loaded") {
		s.Armed = s.Armed || strings.Contains(name, "kplb-restore")
	}
	return s
}

// everything has each test run under every shell, and sweeps try every way back
// after every command. It takes ten minutes; without it, each is tried once.
func everything() bool { return os.Getenv("KPLB_PROGRAMS") == "all" }

// alternately runs the cases of a table, each under one of the shells, by its
// number, or under every one.
func alternately(t *testing.T, i int, name string, test func(t *testing.T, shell string)) {
	t.Helper()
	shells := programtest.Shells()
	for j, shell := range shells {
		if (i+j)%len(shells) == 0 || everything() {
			t.Run(name+"/"+shell, func(t *testing.T) {
				t.Parallel()
				test(t, shell)
			})
		}
	}
}

// wayBack is how a change can be taken back, or the rest of one be cleared away.
type wayBack struct {
	name     string
	possible func() bool
	take     func(t *testing.T)
}

func (o operator) ways() []wayBack {
	always := func() bool { return true }
	return []wayBack{
		{"by its timer", func() bool { return o.node.IsArmed("kplb-restore.timer") }, func(*testing.T) { o.node.Elapse("kplb-restore.timer") }},
		{"at boot", always, func(*testing.T) { o.node.Boot() }},
		{"by its operator", always, func(t *testing.T) {
			t.Helper()
			if a := o.node.Run(o.back()); !a.Done() {
				t.Errorf("back: %s", a)
			}
		}},
	}
}
