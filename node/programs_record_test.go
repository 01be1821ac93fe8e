package node

import (
	"strings"
	"testing"

	"github.com/kplb/kplb/node/programtest"
	"github.com/kplb/kplb/remote"
)

const generationsPath = basePath + "/generations"

// level gives the node the cluster's generation of a number.
func (o operator) level(number string) remote.Script {
	return o.script("level", map[string]string{
		"KPLB_NUMBER": number, "KPLB_ABOUT": "ann@desk, cluster home", "KPLB_KEEP": "2",
	}, map[string]string{"record": "record of " + o.txn + "\n"})
}

// snapshot reads a generation.
func (o operator) snapshot(number string) programtest.Answer {
	return o.node.Run(o.script("generations", map[string]string{"KPLB_GENERATION": number, "KPLB_RECORDS": ""}, nil))
}

// TestProgramsRecord: a confirmation leaves the record beside the files, under the number
// of the cluster's generation.
func TestProgramsRecord(t *testing.T) {
	t.Parallel()
	programtest.EachShell(t, func(t *testing.T, shell string) {
		o := afterFirst(t, shell)
		n := o.node
		same(t, "record", n.Read(generationsPath+"/1/record"), "record of txn1\n")
		same(t, "of root's alone", n.Tree()[generationsPath+"/1/record"].Mode.String(), "-rw-------")
		same(t, "before kplb", n.Exists(generationsPath+"/0/record"), false)

		s := o.stage(second)
		s.Vars["KPLB_NUMBER"] = "7" // the others are at 6
		if a := n.Run(s); !a.Done() {
			t.Fatal(a)
		}
		for _, step := range o.steps(second)[1:] {
			if a := step.run(); !a.Done() {
				t.Fatalf("%s: %s", step.name, a)
			}
		}
		same(t, "current", n.Read(basePath+"/current"), "7\n")
		same(t, "about", strings.HasPrefix(n.Read(generationsPath+"/7/about"), "number=7\n"), true)
		same(t, "record", n.Read(generationsPath+"/7/record"), "record of txn2\n")
		same(t, "generations", n.Must("ls "+generationsPath), "0\n1\n7\n")
	})
}

// TestProgramsNumber: a generation has a number above those that the node has.
func TestProgramsNumber(t *testing.T) {
	t.Parallel()
	programtest.EachShell(t, func(t *testing.T, shell string) {
		o := afterFirst(t, shell)
		for _, number := range []string{"0", "1"} {
			s := o.stage(second)
			s.Vars["KPLB_NUMBER"] = number
			want := "generation " + number + " cannot be made: the node has generation 1"
			same(t, "stage", o.node.Run(s).Refused(), want)
			same(t, "level", o.node.Run(o.level(number)).Refused(), want)
		}
		same(t, "generations", o.node.Must("ls "+generationsPath), "0\n1\n")
		same(t, "nothing staged", o.node.Exists(basePath+"/stage"), false)
	})
}

// TestProgramsLevel: where nothing changes, what is there is kept under the number, and no
// daemon is told anything.
func TestProgramsLevel(t *testing.T) {
	t.Parallel()
	programtest.EachShell(t, func(t *testing.T, shell string) {
		o := afterFirst(t, shell)
		n := o.node
		before := stateOf(n)
		n.Told()
		if a := n.Run(o.level("5")); !a.Done() {
			t.Fatal(a)
		}
		for _, told := range n.Told() {
			if !strings.HasPrefix(told, "systemctl show ") && !strings.HasPrefix(told, "systemctl is-") {
				t.Errorf("told: %s", told)
			}
		}
		same(t, "current", n.Read(basePath+"/current"), "5\n")
		same(t, "record", n.Read(generationsPath+"/5/record"), "record of txn2\n")
		same(t, "the same files", n.Must("cd "+generationsPath+" && diff -r 1/files 5/files && diff 1/units 5/units && diff 1/index 5/index; ls "+basePath), "active\ncurrent\ngenerations\n")
		after := stateOf(n)
		for path := range before.Files.Below("/etc", "/proc/sys") {
			same(t, path, after.Files[path], before.Files[path])
		}
		same(t, "units", after.Units, before.Units)
		if a := n.Run(o.level("5")); !a.Done() {
			t.Errorf("the answer was lost: %s", a)
		}
		same(t, "generations", n.Must("ls "+generationsPath), "0\n1\n5\n")
	})
}

// TestProgramsLevelFirst: on a node on which nothing was ever done, what is there is also
// what was there before kplb.
func TestProgramsLevelFirst(t *testing.T) {
	t.Parallel()
	programtest.EachShell(t, func(t *testing.T, shell string) {
		o := freshNode(t, shell)
		if a := o.node.Run(o.level("3")); !a.Done() {
			t.Fatal(a)
		}
		same(t, "generations", o.node.Must("cd "+generationsPath+" && ls && diff -r 0/files 3/files"), "0\n3\n")
		for _, number := range []string{"0", "3"} {
			if a := o.snapshot(number); !a.Done() {
				t.Errorf("generation %s: %s", number, a)
			}
		}
	})
}

// TestProgramsLevelRefuses: a change that is in place, and another operator's lock.
func TestProgramsLevelRefuses(t *testing.T) {
	t.Parallel()
	programtest.EachShell(t, func(t *testing.T, shell string) {
		o := freshNode(t, shell)
		o.does(t, first, "transact")
		same(t, "a change", o.node.Run(o.level("3")).Refused(), "a change that is not confirmed yet is in place: ann@desk, cluster home")
		s := o.level("3")
		s.Vars["KPLB_TOKEN"] = "token2"
		same(t, "a lock", o.node.Run(s).Refused(), "the lock belongs to another operator now: ann@desk")
		same(t, "nothing", o.node.Exists(generationsPath), false)
	})
}

// TestProgramsLevelKilled: killed before whichever command, it leaves the node at one
// of the two generations, and can be asked again.
func TestProgramsLevelKilled(t *testing.T) {
	t.Parallel()
	programtest.EachShell(t, func(t *testing.T, shell string) {
		o := afterFirst(t, shell)
		before := o.node.Tree()
		o.node.Sweep(t, "kill", func() programtest.Answer { return o.node.Run(o.level("5")) }, func(t *testing.T, _ string, _ programtest.Answer) {
			if now := o.node.Read(basePath + "/current"); now != "1\n" && now != "5\n" {
				t.Errorf("current is %q", now)
			}
			if a := o.snapshot(strings.TrimSpace(o.node.Read(basePath + "/current"))); !a.Done() {
				t.Errorf("the current generation: %s", a)
			}
			if a := o.node.Run(o.level("5")); !a.Done() {
				t.Errorf("again: %s", a)
			}
			same(t, "generations", o.node.Must("ls "+generationsPath), "0\n1\n5\n")
			same(t, "nothing else", o.node.Must("ls "+basePath), "active\ncurrent\ngenerations\n")
			o.node.Reset(before)
		})
	})
}

// TestProgramsEdited: a generation that somebody has edited is refused, in whichever way.
func TestProgramsEdited(t *testing.T) {
	t.Parallel()
	programtest.EachShell(t, func(t *testing.T, shell string) {
		o := afterFirst(t, shell)
		n := o.node
		before := n.Tree()
		for _, c := range []struct{ do, want string }{
			{"echo '# mine' >>1/files/etc/haproxy/haproxy.cfg", "/etc/haproxy/haproxy.cfg"},
			{"rm 1/files/etc/keepalived/keepalived.conf", "/etc/keepalived/keepalived.conf"},
			{"echo x >1/files/etc/haproxy/more.cfg", "/etc/haproxy/more.cfg"},
			{"echo 'file /etc/passwd' >>1/index", "index"},
			{"sed -i s/active/inactive/ 1/units", "units"},
			{"echo '{}' >1/record", "record"},
			{"echo 1 >1/nonlocal_bind6", "nonlocal_bind6"},
			{"echo '# mine' >>1/files/etc/haproxy/haproxy.cfg && rm 1/sums", "sums"},
		} {
			n.Must("cd " + generationsPath + " && " + c.do)
			same(t, c.do, o.snapshot("1").Refused(), "generation 1 was edited since it was confirmed: "+c.want)
			if a := o.snapshot("0"); !a.Done() {
				t.Errorf("another one: %s", a)
			}
			n.Reset(before)
		}
		n.Must("cd " + generationsPath + " && rm -f 1/sums 1/record; echo x >>" + generationsPath + "/1/files/etc/haproxy/haproxy.cfg")
		if a := o.snapshot("1"); !a.Done() {
			t.Errorf("one of an older kplb, which has no sums: %s", a)
		}
	})
}
