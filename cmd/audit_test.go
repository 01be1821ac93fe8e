package cmd

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/kplb/kplb/rollout/rollouttest"
	"github.com/kplb/kplb/verify"
)

// behind is how connections were spread over the apiservers: other checks connect
// at the same time, so whose turn was first is not known.
var behind = regexp.MustCompile(`(told apart by certificate: ).*`)

// table is the distribution of 30 connections, one after the other.
const table = `
PORT            ADDRESS          NODE    CONNECTIONS  SHARE  AFFINITY  COUNTED BY
kube-apiserver  10.1.233.1:6443  node-1  10           33.3%  -         certificate
kube-apiserver  10.1.233.1:6443  node-2  10           33.3%  -         certificate
kube-apiserver  10.1.233.1:6443  node-3  10           33.3%  -         certificate
`

// TestVerify proves a cluster after an apply, and changes nothing.
func TestVerify(t *testing.T) {
	atDesk(t, func(d *desk) {
		d.kplb("apply", "--yes").ends(0)
		asked := d.Asked()
		o := d.kplb("verify").ends(0)
		proof := behind.ReplaceAllString(o.stdout, "${1}SHARES")
		golden(d.t, "verify.txt", proof)
		same(d.t, "stderr", o.stderr, "")

		o = d.kplb("verify", "--distribution", "30").ends(0)
		same(d.t, "with a distribution", behind.ReplaceAllString(o.stdout, "${1}SHARES"), proof+table)
		same(d.t, "stderr", o.stderr, "")

		var said struct {
			OK           bool                  `json:"ok"`
			Holder       string                `json:"holder"`
			Distribution []verify.Distribution `json:"distribution"`
		}
		if err := json.Unmarshal([]byte(d.kplb("verify", "--distribution", "6", "-o", "json").ends(0).stdout), &said); err != nil {
			d.t.Fatal(err)
		}
		same(d.t, "OK", said.OK, true)
		same(d.t, "holder", said.Holder, "node-1")
		same(d.t, "distribution", said.Distribution, []verify.Distribution{{
			Name: "kube-apiserver", Address: "10.1.233.1:6443", Connections: 6, CountedBy: "certificate",
			Backends: []verify.Share{{Node: "node-1", Got: 2}, {Node: "node-2", Got: 2}, {Node: "node-3", Got: 2}},
		}})
		same(d.t, "what the nodes were asked", d.Asked(), asked)
	})
}

// TestVerifySaysNo names what is wrong, and where.
func TestVerifySaysNo(t *testing.T) {
	stop := func(units ...string) func(*rollouttest.Node) {
		return func(n *rollouttest.Node) {
			for _, unit := range units {
				n.Units[unit].Active = false
			}
		}
	}
	for _, c := range []struct {
		name   string
		on     []string
		change func(*rollouttest.Node)
		code   int
		no     []string // the checks that do not pass, without their hints
		table  bool
		stderr string // the last line
	}{
		{"HAProxy is stopped", []string{"node-2"}, stop("haproxy"), exitNo, []string{
			"node-2: haproxy sees its servers: haproxy does not answer on 127.0.0.1:8404",
			"node-2: services are active, and start at boot: haproxy is inactive",
		}, true, "kplb: not proven: 2 of 41 checks say no"},
		{"nobody has the VIP", []string{"node-1", "node-2", "node-3"}, stop("keepalived"), exitNo, []string{
			"one node holds 10.1.233.1: no node does",
			"/healthz on 10.1.233.1:6443: dial tcp: network is unreachable",
			"node-1: reaches 10.1.233.1:6443: the host could not connect",
			"node-2: reaches 10.1.233.1:6443: the host could not connect",
			"node-3: reaches 10.1.233.1:6443: the host could not connect",
			"one keepalived is MASTER of VRRP instance KPLB: node-1 and node-2 and node-3: unknown, the journal does not say",
			"every apiserver is behind 10.1.233.1:6443: 16 of 16 connections failed: dial tcp: network is unreachable",
			"node-1: services are active, and start at boot: keepalived is inactive",
			"node-2: services are active, and start at boot: keepalived is inactive",
			"node-3: services are active, and start at boot: keepalived is inactive",
		}, false, "kplb: not proven: 10 of 41 checks say no"},
		{"a file was edited", []string{"node-3"}, func(n *rollouttest.Node) {
			n.Files["/etc/sysctl.d/90-kplb.conf"] = rollouttest.File{Mode: 0o644, Content: []byte("# mine\n")}
		}, exitNo, []string{
			"node-3: files are as rendered: /etc/sysctl.d/90-kplb.conf differs",
			"node-3: sysctls are as rendered: /etc/sysctl.d/90-kplb.conf is not what the kernel was told",
		}, true, "kplb: not proven: 2 of 41 checks say no"},
		{"a node is off", []string{"node-3"}, func(n *rollouttest.Node) { n.Unreachable = true }, exitNo, []string{
			"node-3: answers kplb: is not reachable: no route to host",
			"node-3: /healthz on 10.1.1.3:6443: dial tcp: network is unreachable",
		}, true, "kplb: not proven: 2 of 31 checks say no"},
	} {
		t.Run(c.name, func(t *testing.T) {
			atDesk(t, func(d *desk) {
				d.kplb("apply", "--yes").ends(0)
				for _, name := range c.on {
					d.Change(name, c.change)
				}
				o := d.kplb("verify", "--distribution", "6").ends(c.code)
				var no []string
				for line := range strings.Lines(o.stdout) {
					if what, ok := strings.CutPrefix(line, "NO  "); ok {
						no = append(no, strings.TrimSpace(what))
					}
				}
				same(d.t, "checks that do not pass", no, c.no)
				same(d.t, "has a table", strings.Contains(o.stdout, "\nPORT "), c.table)
				lines := strings.Split(strings.TrimSpace(o.stderr), "\n")
				same(d.t, "the last line of stderr", lines[len(lines)-1], c.stderr)
			})
		})
	}
}
