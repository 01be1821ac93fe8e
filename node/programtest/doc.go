// Package programtest has a node on which kplb's node-side programs run for
// real: by the real transport (package remote, to an SSH server in the test's own
// process), in a real shell, with real files, locks, renames and signals.
// It needs no lab, no SSH daemon and no root.
//
// A Node lives in user, mount, process and network namespaces of its own, on a
// root file system in memory. /usr is the machine's, read-only; /etc, /var, /run,
// /proc/sys and everything else that a program may write is the node's alone, and
// goes when the test ends.
//
// What is not real is what would need a machine: systemctl, haproxy, keepalived,
// nft, ufw and so on are small sh programs in standin, which keep their state in
// files under /node, write down what they were told (Node.Told), and fail where a
// test wants it (Node.Fail). Time is not real either: sleep returns at once and
// moves /proc/uptime ahead.
//
// A test of a program takes a few lines:
//
//	n := programtest.New(t, "dash")
//	n.Write("/etc/haproxy/haproxy.cfg", "# Debian's own\n", 0o644)
//	answer := n.Run(remote.Script{Name: "mine", Body: body})
//	if answer.Refused() != "" { … }
//
// Node.Strike kills a program before one of its commands, or has that command
// fail; Sweep does so for each in turn.
package programtest
