package cmd

import (
	"encoding/json"
	"testing"

	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/rollout/rollouttest"
	"github.com/kplb/kplb/verdict"
)

// TestDoctor: nothing is in the way of a fresh cluster, and nothing is changed.
func TestDoctor(t *testing.T) {
	atDesk(t, func(d *desk) {
		o := d.kplb("doctor").ends(0)
		golden(d.t, "doctor.txt", o.stdout)
		same(d.t, "stderr", o.stderr, "kplb: cluster: listening for others on 10.1.233.1\n")
		same(d.t, "what the nodes were asked", len(d.Asked()), 0)
	})
}

// TestDoctorSaysNo: what is in the way is a check that does not pass, with its
// cure, and so is a node that could not be looked at.
func TestDoctorSaysNo(t *testing.T) {
	const listening = "kplb: cluster: listening for others on 10.1.233.1\n"
	for _, c := range []struct {
		name   string
		change func(*rollouttest.Node) // of node-2
		code   int
		no     []verdict.Check
		stderr string
	}{
		{
			"no apiserver", func(n *rollouttest.Node) { delete(n.Files, kubeadm.ManifestPath) }, exitNo,
			[]verdict.Check{{
				Node: "node-2", What: "nothing on it is in the way",
				Detail: "/etc/kubernetes/manifests/kube-apiserver.yaml is not there: not a kubeadm control-plane node", Hint: "list control-plane nodes that kubeadm made",
			}}, listening + "kplb: something is in the way\n",
		},
		{
			"a node that is off", func(n *rollouttest.Node) { n.Unreachable = true }, exitNo,
			[]verdict.Check{{Node: "node-2", What: "answers kplb", Detail: "is not reachable: no route to host", Hint: "is it on?"}}, listening + "kplb: something is in the way\n",
		},
		{
			"a node that cannot look", func(n *rollouttest.Node) { n.Refuses["doctor"] = "its /tmp is full" }, exitNo,
			[]verdict.Check{{Node: "node-2", What: "answers kplb", Detail: "its /tmp is full"}}, listening + "kplb: something is in the way\n",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			atDesk(t, func(d *desk) {
				d.Change("node-2", c.change)
				o := d.kplb("doctor", "-o", "json").ends(c.code)
				same(d.t, "stderr", o.stderr, c.stderr)
				var proof verdict.Proof
				if c.code == exitNo {
					if err := json.Unmarshal([]byte(o.stdout), &proof); err != nil {
						d.t.Fatal(err)
					}
				} else {
					same(d.t, "stdout", o.stdout, "")
				}
				var no []verdict.Check
				for _, check := range proof.Checks {
					if !check.OK {
						no = append(no, check)
					}
				}
				same(d.t, "checks that do not pass", no, c.no)
				same(d.t, "what the nodes were asked", len(d.Asked()), 0)
			})
		})
	}
}

func TestDoctorOutput(t *testing.T) {
	atDesk(t, func(d *desk) {
		d.kplb("doctor", "-o", "yaml").says(exitUsage, "", "kplb: output must be text or json, not \"yaml\"\nkplb: hint: see `kplb --help`, and `kplb COMMAND --help`\n")
	})
}
