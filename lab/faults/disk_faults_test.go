//go:build faults

package faults

import "time"

func diskFaults() []fault {
	full := func(dir string) string {
		return over(dir, "size=64k") + " && dd if=/dev/zero of=" + dir + "/ballast bs=1k count=1000 2>/dev/null; true"
	}
	sealed := func(dir string) string {
		return "mount --bind " + dir + " " + dir + " && mount -o remount,ro,bind " + dir
	}
	return []fault{
		{id: "C1a", name: "ENOSPC: no room for what kplb keeps", count: 6, fast: 1, inject: disk(
			"mount -t tmpfs -o size=8k,nr_inodes=6 tmpfs /var/lib/kplb", "mount -t tmpfs -o size=16k tmpfs /var/lib/kplb",
			"mount -t tmpfs -o size=40k tmpfs /var/lib/kplb", "mount -t tmpfs -o nr_inodes=12 tmpfs /var/lib/kplb",
			"mount -t tmpfs -o nr_inodes=20 tmpfs /var/lib/kplb", "mount -t tmpfs -o nr_inodes=30 tmpfs /var/lib/kplb")},
		{id: "C1b", name: "ENOSPC: no room beside a file", count: 4, fast: 1, inject: disk(
			full("/etc/haproxy"), full("/etc/keepalived"))},
		{id: "C1c", name: "EROFS: a directory is read-only from the start", count: 4, fast: 1, inject: disk(
			sealed("/etc/haproxy"), sealed("/etc/keepalived"), sealed("/var/lib/kplb"), sealed("/etc/systemd/system"))},
		{id: "C1d", name: "EROFS: a directory becomes read-only half-way, for 4 s", count: 6, fast: 1, inject: sealedHalfWay},
		{id: "C1e", name: "EPERM: a file or its directory is immutable", count: 4, fast: 1, inject: disk(
			over("/etc/haproxy", "size=1m")+" && chattr +i /etc/haproxy/haproxy.cfg",
			over("/etc/keepalived", "size=1m")+" && chattr +i /etc/keepalived/keepalived.conf",
			over("/etc/haproxy", "size=1m")+" && chattr +i /etc/haproxy",
			over("/etc/keepalived", "size=1m")+" && chattr +i /etc/keepalived/kplb-check")},
	}
}

// over mounts a small file system over a directory, with what was in it.
func over(dir, options string) string {
	return "mkdir -p /run/aside && cp -a " + dir + "/. /run/aside/ && mount -t tmpfs -o mode=755," + options + " tmpfs " + dir +
		" && cp -a /run/aside/. " + dir + "/ && rm -rf /run/aside"
}

// unmount is the end of all of them. What became of a copy is judged first.
const unmount = `for dir in /etc/haproxy /etc/keepalived /etc/systemd/system /var/lib/kplb; do
	chattr -R -i $dir 2>/dev/null
	while mountpoint -q $dir; do umount $dir || sleep 0.1; done
done`

// disk breaks a file system on one node. Nothing may have changed anywhere:
// the files are put back before the checks only where they were copied.
func disk(variants ...string) func(*trial) {
	return func(t *trial) {
		t.quick = true
		node, variant := nodeNumber(t.k), variants[t.k%len(variants)]
		t.on(node, variant)
		t.later(func() { t.on(node, unmount) })
		o := t.apply()
		o.wait(patience)
		t.op = o
		t.wants(3, 4)
		t.notef("node %s: %.60s: kplb ended with %d", node, variant, o.code)
		for _, dir := range []string{"/etc/haproxy", "/etc/keepalived"} { // a copy must be as it was, too
			t.on(node, "mountpoint -q "+dir+" || exit 0; rm -f "+dir+"/ballast; chattr -R -i "+dir+" 2>/dev/null; true")
		}
		if l, err := t.look(node); err == nil && o.code == 3 {
			for _, what := range l.files.against(t.from.trees[node]) {
				if len(what) < 200 && contains(what, "/etc/haproxy", "/etc/keepalived") {
					t.problem("I1: node %s, while broken: %s", node, what)
				}
			}
		}
	}
}

func sealedHalfWay(t *trial) {
	dirs := []string{"/etc/haproxy", "/etc/keepalived", "/var/lib/kplb"}
	node, dir := nodeNumber(t.k/3), dirs[t.k%3]
	t.on(node, "mount --bind "+dir+" "+dir)
	t.later(func() { t.on(node, unmount) })
	o := t.apply()
	o.hears(nodeName(node) + ": installing files")
	time.Sleep(time.Duration(t.rng.IntN(400)) * time.Millisecond)
	t.on(node, "mount -o remount,ro,bind "+dir)
	time.Sleep(4 * time.Second)
	t.on(node, "mount -o remount,rw,bind "+dir)
	o.wait(patience)
	t.op = o
	t.notef("node %s: %s, kplb ended with %d", node, dir, o.code)
	t.settle() // while it is mounted: what runs there must not lose its directory
}
