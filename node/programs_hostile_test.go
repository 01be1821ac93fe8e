package node

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/kplb/kplb/node/programtest"
)

// with is a change with other contents of some files.
func (c change) with(files map[string]programFile) change {
	c.files = maps.Clone(c.files)
	maps.Copy(c.files, files)
	return c
}

// full mounts a file system of its own on a directory, keeps what is in there, and fills it.
func full(dir, options string) string {
	fill := "head -c 1000000 /dev/urandom 2>/dev/null >" + dir + "/filler; true"
	if strings.HasPrefix(options, "nr_inodes") {
		fill = "i=0; while [ $i -lt 20 ] && true 2>/dev/null >" + dir + "/filler$i; do i=$((i + 1)); done"
	}
	return "mkdir -p /mnt/kept; mkdir -p -m 700 " + dir + "; cp -a " + dir + "/. /mnt/kept/; mount -t tmpfs -o mode=700," + options + " none " + dir + "; cp -a /mnt/kept/. " + dir + "/ 2>/dev/null; rm -rf /mnt/kept; " +
		fill
}

const haproxyCfg = "/etc/haproxy/haproxy.cfg"

// TestProgramsStageRefuses: whatever is wrong is found before anything is changed,
// and nothing is left.
func TestProgramsStageRefuses(t *testing.T) {
	t.Parallel()
	bad := func(path, content string) change {
		return first.with(map[string]programFile{path: {mode: "644", content: content}})
	}
	large := first.with(map[string]programFile{haproxyCfg: {mode: "644", content: strings.Repeat("# large\n", 10_000)}})
	cases := []struct {
		name, before string // sh, on the node, after the plan was made
		change       change
		says         string
	}{
		{"a file that was edited", "echo x >>" + haproxyCfg, first, haproxyCfg + " has changed since the plan was made"},
		{"a file that is gone", "rm " + haproxyCfg, first, haproxyCfg + " has changed since the plan was made"},
		{"a file that has come", "echo x >/etc/keepalived/kplb-check", first, "/etc/keepalived/kplb-check has changed since the plan was made"},
		{"a link to the same", "mv " + haproxyCfg + " /etc/own && ln -s /etc/own " + haproxyCfg, first, haproxyCfg + " has changed since the plan was made"},
		{"a link to nothing", "ln -s /nowhere /etc/keepalived/kplb-check", first, "/etc/keepalived/kplb-check has changed since the plan was made"},
		{"a directory", "rm " + haproxyCfg + " && mkdir " + haproxyCfg, first, haproxyCfg + " has changed since the plan was made"},
		{"a fifo", "rm " + haproxyCfg + " && mkfifo " + haproxyCfg, first, haproxyCfg + " has changed since the plan was made"},
		{"our directory is a link", "mkdir /srv /srv/own && ln -s /srv/own " + basePath, first, basePath + " is a symbolic link"},
		{"our directory is a file", "echo x >" + basePath, first, basePath + " cannot be made"},
		{"immutable", "echo " + haproxyCfg + " >/node/immutable", first, haproxyCfg + " is immutable: chattr -ai " + haproxyCfg},
		{"haproxy", ":", bad(haproxyCfg, "BAD\n"), "haproxy rejects its new configuration: [ALERT] parsing [/var/lib/kplb/stage/file0:1]: unknown keyword 'BAD'"},
		{"keepalived", ":", bad("/etc/keepalived/keepalived.conf", "BAD\n"), "keepalived rejects its new configuration: (/var/lib/kplb/stage/keepalived.conf: Line 1) Unknown keyword 'BAD'"},
		{"nft", ":", bad("/etc/haproxy/kplb-redirect.nft", "BAD\n"), "nft rejects its new ruleset: /var/lib/kplb/stage/file1:1:1-3: Error: syntax error, unexpected string"},
		{"an empty file", ":", bad(haproxyCfg, ""), haproxyCfg + " would be empty, or there is no room for it in /var/lib/kplb"},
		{"no ip_vs", ":", bad("/etc/modules-load.d/kplb.conf", "ip_vs\n"), "its kernel "},
		{"read-only", "mount -t tmpfs -o ro none /etc/keepalived", first, "/etc/keepalived/keepalived.conf cannot be written: Read-only file system"},
		{"no room", full("/etc/keepalived", "size=16k"), first, "no room in /etc/keepalived: 0 KiB are free, "},
		{"too little room", full("/etc/haproxy", "size=40k") + "; mount -o remount,size=60k /etc/haproxy", large, "no room in /etc/haproxy: "},
		{"no inodes", full("/etc/keepalived", "nr_inodes=3"), first, "no inodes for /etc/keepalived/keepalived.conf in /etc/keepalived"},
		{"too few inodes", full("/etc/keepalived", "nr_inodes=3") + "; mount -o remount,nr_inodes=4 /etc/keepalived", first, "no inodes in /etc/keepalived: 1 are free, 2 are needed"},
		{"no room for units", full("/etc/systemd/system", "size=16k"), first, "no room for /etc/systemd/system/kplb-restore-boot.service in /etc/systemd/system"},
		{"no inodes for units", full("/etc/systemd/system", "nr_inodes=3"), first, "no inodes for /etc/systemd/system/kplb-restore-boot.service in /etc/systemd/system"},
		{"no room for the timer", full("/run/systemd/system", "size=16k"), first, "no room for /run/systemd/system/kplb-restore.timer in /run/systemd/system"},
		{"units that are read-only", "mkdir -p /etc/systemd/system && mount -t tmpfs -o ro none /etc/systemd/system", first, "/etc/systemd/system/kplb-restore-boot.service cannot be written: Read-only file system"},
		{"no room in our directory", full(basePath, "size=16k"), first, "no room in " + basePath},
		{"no inodes in our directory", full(basePath, "nr_inodes=4"), first, "no inodes "},
		{"another change waits", "mkdir -m 700 " + basePath + " && mkdir " + basePath + "/pending && echo bob >" + basePath + "/pending/about", first, "a change that is not confirmed yet is in place: bob"},
	}
	for i, c := range cases {
		alternately(t, i, c.name, func(t *testing.T, shell string) {
			o := freshNode(t, shell)
			s := o.stage(c.change)
			o.node.Must(c.before)
			before := stateOf(o.node)
			a := o.node.Run(s)
			if a.Done() || !strings.HasPrefix(a.Refused(), c.says) {
				t.Errorf("%s\nwant: %s", a, c.says)
			}
			same(t, "the node", stateOf(o.node), before)
			same(t, "there is nothing to carry out", strings.HasPrefix(o.node.Run(o.transact()).Refused(), "what was staged is gone") || c.name == "another change waits", true)
		})
	}
}

// TestProgramsStageCompares: what has come to the node is what was sent.
func TestProgramsStageCompares(t *testing.T) {
	t.Parallel()
	programtest.EachShell(t, func(t *testing.T, shell string) {
		o := freshNode(t, shell)
		before := stateOf(o.node)
		s := o.stage(first)
		s.Files["file0"] = s.Files["file0"][:20]
		same(t, "refused", o.node.Run(s).Refused(), "no room for "+haproxyCfg+" in "+basePath+", or it was written badly")
		same(t, "the node", stateOf(o.node), before)
	})
}

// TestProgramsTransactRefuses: what has changed since it was staged, or has no room
// any more, is refused, and nothing is left but what stage.sh has prepared.
func TestProgramsTransactRefuses(t *testing.T) {
	t.Parallel()
	large := first.with(map[string]programFile{haproxyCfg: {mode: "644", content: strings.Repeat("# large\n", 10_000)}})
	cases := []struct {
		name, before string // sh, on the node, before its change is staged
		change       change
		then         string // and after
		says         string
	}{
		{"another operator", ":", first, "echo B >/run/kplb.token", "the lock belongs to another operator now: ann@desk"},
		{"a file that was edited", ":", first, "echo x >>" + haproxyCfg, haproxyCfg + " has changed since the plan was made"},
		{"a file that was touched", ":", first, "chmod 600 " + haproxyCfg + "; chmod 644 " + haproxyCfg, haproxyCfg + " has changed since the plan was made"},
		{"a file that has come", ":", first, "echo x >/etc/keepalived/kplb-check", "/etc/keepalived/kplb-check has changed since the plan was made"},
		{"a directory that has become read-only", "mount -t tmpfs none /etc/keepalived", first, "mount -o remount,bind,ro /etc/keepalived", "/etc/keepalived/keepalived.conf could not be written: "},
		{"no room beside the file", "mount -t tmpfs -o size=300k none /etc/haproxy; echo x >" + haproxyCfg, large, "head -c 280000 /dev/urandom >/etc/haproxy/filler", haproxyCfg + " could not be written: "},
		{"another change", ":", first, "echo txn9 >" + basePath + "/stage/pending/txn", "what was staged is gone"},
	}
	for i, c := range cases {
		alternately(t, i, c.name, func(t *testing.T, shell string) {
			o := freshNode(t, shell)
			o.node.Must(c.before)
			before := stateOf(o.node)
			if a := o.node.Run(o.stage(c.change)); !a.Done() {
				t.Fatal(a)
			}
			s := o.transact()
			o.node.Must(c.then)
			etc := o.node.Tree().Below("/etc").Files()
			if a := o.node.Run(s); a.Done() || !strings.HasPrefix(a.Refused(), c.says) {
				t.Errorf("%s\nwant: %s", a, c.says)
			}
			same(t, "files", o.node.Tree().Below("/etc").Files(), etc)
			o.node.Must("mount -o remount,bind,rw /etc/keepalived 2>/dev/null; rm -f /etc/keepalived/kplb-check /etc/haproxy/filler")
			o.takes()
			same(t, "back", o.node.Run(o.back()).Done(), true)
			if c.name == "a file that was edited" {
				o.node.Write(haproxyCfg, "# Debian's own\nglobal\n\tdaemon\n", 0o644)
			}
			same(t, "the node", stateOf(o.node), before)
		})
	}
}

// TestProgramsBackFences: a step that comes after its change was taken back is refused.
func TestProgramsBackFences(t *testing.T) {
	t.Parallel()
	programtest.EachShell(t, func(t *testing.T, shell string) {
		o := scenarios[0].before(t, shell, "transact")
		late := o.transact()
		same(t, "back", o.node.Run(o.back()).Done(), true)
		same(t, "transact", o.node.Run(late).Refused(), "the lock was removed meanwhile")
		same(t, "stage", o.node.Run(o.stage(first)).Refused(), "the lock was removed meanwhile")
	})
}

// TestProgramsNoRoom: a file system of every size, in which kplb keeps what it
// needs, is large enough or refused.
func TestProgramsNoRoom(t *testing.T) {
	t.Parallel()
	for i, shell := range programtest.Shells() {
		for _, unit := range [][]string{{"size", "k", "no room "}, {"nr_inodes", "", "no inodes "}} {
			t.Run(unit[0]+"/"+shell, func(t *testing.T) {
				t.Parallel()
				o := freshNode(t, shell)
				before := stateOf(o.node)
				done := 0
				for n := 4 * (i + 1); n <= 160 && done == 0; n += 16 {
					o.node.Must(fmt.Sprintf("mkdir -p %[1]s && mount -t tmpfs -o %[2]s=%[3]d%[4]s none %[1]s", basePath, unit[0], n, unit[1]))
					a := o.node.Run(o.stage(first))
					if a.Done() {
						done = n
						same(t, "back", o.node.Run(o.back()).Done(), true)
					} else if !strings.HasPrefix(a.Refused(), unit[2]) && !strings.Contains(a.Refused(), "no room for it in") {
						t.Errorf("%s=%d: %s", unit[0], n, a)
					}
					o.node.Must("umount " + basePath + " && rmdir " + basePath)
					same(t, fmt.Sprint(unit[0], " ", n), stateOf(o.node), before)
				}
				if done < 20 {
					t.Errorf("%s=%d is enough: nothing was tried", unit[0], done)
				}
			})
		}
	}
}

// TestProgramsWords: what people have written is data, wherever it goes.
func TestProgramsWords(t *testing.T) {
	t.Parallel()
	programtest.EachShell(t, func(t *testing.T, shell string) {
		const words = "it's $(touch /etc/owned) `touch /etc/owned` \"; touch /etc/owned; %s \\n * &"
		binary := make([]byte, 256)
		for i := range binary {
			binary[i] = byte(i)
		}
		o := freshNode(t, shell)
		before := stateOf(o.node)
		c := first.with(map[string]programFile{"/etc/keepalived/kplb-check": {mode: "755", content: string(binary)}})
		s := o.stage(c)
		s.Vars["KPLB_ABOUT"] = words
		same(t, "stage", o.node.Run(s).Done(), true)
		same(t, "transact", o.node.Run(o.transact()).Done(), true)
		same(t, "content", o.node.Read("/etc/keepalived/kplb-check"), string(binary))
		same(t, "about", o.node.Read(basePath+"/pending/about"), words+"\n")
		same(t, "another change", o.node.Run(o.stage(second)).Refused(), "a change that is not confirmed yet is in place: "+words)
		back := o.back()
		back.Vars["KPLB_REASON"] = words
		same(t, "back", o.node.Run(back).Done(), true)
		if restored := o.node.Read(basePath + "/restored"); !strings.Contains(restored, "reason="+words+"\n") || !strings.Contains(restored, "about="+words+"\n") {
			t.Errorf("restored: %s", restored)
		}
		same(t, "nothing to confirm", o.node.Run(o.confirm()).Refused(), "no change is awaiting confirmation: it was taken back, "+words)
		same(t, "the node", stateOf(o.node), before)
	})
}

// TestProgramsReadOnlyOnTheWayBack: the way back that cannot write comes again.
func TestProgramsReadOnlyOnTheWayBack(t *testing.T) {
	t.Parallel()
	programtest.EachShell(t, func(t *testing.T, shell string) {
		o := freshNode(t, shell)
		o.node.Must("mount -t tmpfs none /etc/keepalived")
		before := stateOf(o.node)
		o.does(t, first, "activate")
		o.node.Must("mount -o remount,bind,ro /etc/keepalived")
		o.node.Elapse("kplb-restore.timer")
		if a := o.node.Run(o.back()); !strings.Contains(a.String(), "the way back did not work, it is tried again at its time and at boot") {
			t.Error(a)
		}
		same(t, "it still waits", o.node.Exists(basePath+"/pending") && o.node.IsArmed("kplb-restore.timer"), true)
		o.node.Must("mount -o remount,bind,rw /etc/keepalived")
		o.node.Elapse("kplb-restore.timer")
		same(t, "the node", stateOf(o.node), before)
	})
}

// TestProgramsLinkOnTheWayBack: what somebody has put in a file's place meanwhile
// goes, and nothing is written through it.
func TestProgramsLinkOnTheWayBack(t *testing.T) {
	t.Parallel()
	programtest.EachShell(t, func(t *testing.T, shell string) {
		o := freshNode(t, shell)
		o.node.Write("/etc/own", "mine\n", 0o640)
		before := stateOf(o.node)
		o.does(t, first, "activate")
		o.node.Must("ln -sf /etc/own " + haproxyCfg + "; ln -sf /etc/own /etc/keepalived/kplb-check")
		o.node.Elapse("kplb-restore.timer")
		same(t, "the node", stateOf(o.node), before)
	})
}

// TestProgramsDamagedWayBack: half of a way back takes nothing back, and says so.
func TestProgramsDamagedWayBack(t *testing.T) {
	t.Parallel()
	for i, lost := range []string{"old/files" + haproxyCfg, "old/index", "old/units", "old/nonlocal_bind", "txn", "paths"} {
		alternately(t, i, lost, func(t *testing.T, shell string) {
			o := scenarios[0].before(t, shell, "confirm")
			etc := o.node.Tree().Below("/etc").Files().Without(bootLink, "/etc/systemd/system/kplb-restore-boot.service")
			o.node.Remove(basePath + "/pending/" + lost)
			a := o.node.Run(o.back())
			if _, said := a.Said("lost"); !said || !a.Done() {
				t.Error(a)
			}
			same(t, "files", o.node.Tree().Below("/etc").Files(), etc)
			same(t, "a way back", stateOf(o.node).Armed, false)
		})
	}
}

// TestProgramsOwners: a file keeps, and gets back, whom it belongs to. Only root can
// try: others have nobody else in their namespace.
func TestProgramsOwners(t *testing.T) {
	t.Parallel()
	programtest.EachShell(t, func(t *testing.T, shell string) {
		o := freshNode(t, shell)
		if !o.node.HasOwners() {
			t.Skip("this user's namespaces have no other user")
		}
		o.node.Must("chown 7:12 " + haproxyCfg + " && chmod 4640 " + haproxyCfg)
		before := stateOf(o.node)
		o.does(t, first.with(map[string]programFile{haproxyCfg: {mode: "640", owner: "0:13", content: first.files[haproxyCfg].content}}), "activate")
		same(t, "owner", o.node.Must("stat -c '%a %u:%g' "+haproxyCfg), "640 0:13\n")
		o.node.Elapse("kplb-restore.timer")
		same(t, "the node", stateOf(o.node), before)
		same(t, "owner", o.node.Must("stat -c '%a %u:%g' "+haproxyCfg), "4640 7:12\n")
	})
}
