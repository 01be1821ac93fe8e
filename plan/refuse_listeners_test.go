package plan

import (
	"errors"
	"testing"
)

// withServices is home with a worker and what services can be.
const withServices = home + `workers: [{name: node-4, address: 10.1.1.4}]
services:
  - {name: web, port: 80, nodePort: 30080}
  - {name: game, port: 7777, nodePort: 30777, sessionAffinity: ClientIP}
`

// TestServiceFiles is what HAProxy opens for services beside their connections.
func TestServiceFiles(t *testing.T) {
	t.Parallel()
	same(t, "files", serviceFiles(parse(t, withServices)), uint64(10))
}

// TestRefusedServicePorts has something else on the ports of services.
func TestRefusedServicePorts(t *testing.T) {
	t.Parallel()
	const another = "stop it, have it listen on another address, or give the service another port"
	for _, c := range []struct{ at, process, says, hint string }{
		{"0.0.0.0:80", "nginx", "cluster.yaml:16:23: node-2: port 80 of 0.0.0.0, for service web, is taken by nginx", another},
		{"10.1.233.1:7777", "", "cluster.yaml:17:24: node-2: port 7777 of 10.1.233.1, for service game, is taken by an unknown process", another},
		{"10.1.1.2:8405", "x", "cluster.yaml:13:3: node-2: port 8405, for haproxy's peers, is taken by x", "set haproxy.peersPort to a free port"},
		{"[::]:8405", "x", "cluster.yaml:13:3: node-2: port 8405, for haproxy's peers, is taken by x", "set haproxy.peersPort to a free port"},
		{at: "10.1.1.2:80", process: "nginx"},
		{at: "127.0.0.1:8405", process: "x"},
		{at: "10.1.233.1:80", process: "haproxy"},
		{at: "10.1.1.2:8405", process: "haproxy"},
		{at: "0.0.0.0:30080", process: "kube-proxy"},
	} {
		in := inputOf(t, withServices)
		in.Cluster.Workers = nil
		facts := all(t, in, freshOf)
		facts["node-2"].Listeners = append(facts["node-2"].Listeners, listener(c.at, c.process))
		_, err := Make(in.with(facts))
		says(t, err, c.says)
		var refused *RefusedError
		if errors.As(err, &refused) {
			same(t, "hints", refused.Hints(), []string{c.hint})
		}
	}
}

// TestServersOfServicesDoNotLeave: what a service leads to is no control-plane
// node, and not asked to go back to what it was when it is not listed any more.
func TestServersOfServicesDoNotLeave(t *testing.T) {
	t.Parallel()
	in := inputOf(t, withServices)
	facts := all(t, in, applied)
	in.Cluster.Workers = nil
	if left := Leavers(in.Cluster, facts); len(left) > 0 {
		t.Errorf("%v leave", namesOf(left))
	}
	in.Cluster.Nodes = in.Cluster.Nodes[:2]
	same(t, "leavers", namesOf(Leavers(in.Cluster, facts)), "node-3")
}
