//go:build faults

package faults

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/kplb/kplb/lab/machines"
)

func slowFaults() []fault {
	return []fault{{id: "B3", name: "slow links: 100, 200 or 400 ms there and back", count: 6, fast: 1, inject: slowLink}}
}

// slowLink puts a long cable between the operator and each node: it takes
// longer, and nothing else.
func slowLink(t *trial) {
	delay := []time.Duration{100, 200, 400}[t.k%3] * time.Millisecond
	plain, err := os.ReadFile(t.State("ssh_config"))
	if err != nil {
		t.t.Fatal(err)
	}
	var config strings.Builder
	for _, n := range machines.Nodes {
		address := "10.1.1." + n
		r, err := machines.NewRelay(t.Lab, address+":22", delay/2)
		if err != nil {
			t.problem("the fault was not injected: %v", err)
			return
		}
		t.later(func() { _ = r.Close() })
		_, port, _ := strings.Cut(r.Addr().String(), ":")
		fmt.Fprintf(&config, "Host %s\n  HostName 127.0.0.1\n  Port %s\n  HostKeyAlias %s\n", address, port, address)
	}
	file := t.write("ssh_config", config.String()+string(plain))
	o := t.startAs([]string{"KPLB_SSH_CONFIG=" + file}, "apply", "-i", t.to.file, "--yes",
		"--confirm-timeout", window.String(), "--proof-timeout", "20s", "--connect-timeout", "20s")
	t.all = append(t.all, o)
	o.wait(patience)
	t.op = o
	t.notef("%v, kplb ended with %d after %.1f s", delay, o.code, o.ended.Sub(o.began).Seconds())
	t.wants(0)
	if o.ended.Sub(o.began) < 4*delay {
		t.problem("the fault was not injected: an apply with links of %v takes %v", delay, o.ended.Sub(o.began))
	}
}
