package refusal_test

import (
	"errors"
	"testing"

	"github.com/kplb/kplb/plan/plantest"
	"github.com/kplb/kplb/refusal"
)

// withServices is home with a worker and what services can be.
const withServices = plantest.Home + `workers: [{name: node-4, address: 10.1.1.4}]
services:
  - {name: web, port: 80, nodePort: 30080}
  - {name: game, port: 7777, nodePort: 30777, sessionAffinity: ClientIP}
`

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
		cluster := parse(t, withServices)
		cluster.Workers = nil
		facts := all(t, cluster)
		facts["node-2"].Listeners = append(facts["node-2"].Listeners, listener(c.at, c.process))
		err := refuse(cluster, facts)
		says(t, err, c.says)
		var refused *refusal.Error
		if errors.As(err, &refused) {
			same(t, "hints", refused.Hints(), []string{c.hint})
		}
	}
}

// TestServiceFiles is what HAProxy opens for services beside their connections.
func TestServiceFiles(t *testing.T) {
	t.Parallel()
	same(t, "files", refusal.ServiceFiles(parse(t, withServices)), uint64(10))
}
