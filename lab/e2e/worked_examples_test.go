//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestExamples (in a file of this name because tests begin in the order of
// files, and longer ones are better begun before it) applies every example, one after the other, to the same nodes:
// each of them is a way that people start with, and the way from one to the
// next is an apply.
func TestExamples(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(root(t), "examples", "*.yaml"))
	if err != nil || len(files) < 8 {
		t.Fatalf("%d examples: %v", len(files), err)
	}
	m := boot(t, "e2e-examples")
	m.nodePorts()
	before := m.contents()
	var last string
	for _, file := range files {
		text := m.example(file)
		switch {
		case !everything && !slices.Contains(landing, filepath.Base(file)):
			continue
		case filepath.Base(file) == balancerExample:
			continue // TestWorkerBalancer's: its worker is the point of it
		case strings.Contains(text, "\nexposure: ipvs\n") && !m.hasIPVS():
			m.refusesIPVS(file)
			continue
		}
		last = elsewhere.ReplaceAllString(text, "")
		in := m.in(t)
		if strings.Contains(last, "\nexposure: port\n") {
			in.port = "8443"
		}
		inventory := filepath.Join(t.TempDir(), filepath.Base(file))
		if err := os.WriteFile(inventory, []byte(last), 0o600); err != nil {
			t.Fatal(err)
		}
		m.kplb("apply", "-i", inventory, "--rename", "--yes").want(t, 0, "ok  /healthz on "+vip)
		m.kplb("verify", "-i", inventory).want(t, 0)
		m.kplb("diff", "-i", inventory).want(t, 0)
		t.Logf("%s: node %s holds the VIP", filepath.Base(file), in.settle(settleTime))
		last = inventory
	}
	m.kplb("remove", "-i", last, "--yes").want(t, 0)
	for n, was := range before {
		if now := m.contents()[n]; now != was {
			t.Errorf("node %s is not what it was before kplb\nbefore:\n%s\nnow:\n%s", n, was, now)
		}
	}
}

// landing are the examples that land a change: one of each exposure.
var landing = []string{"tutorial.yaml", "shared-port.yaml", "redirect.yaml", "other-port.yaml", "ipvs.yaml"}

// refusesIPVS wants every node to be refused, and nothing to be touched, where
// the kernel has no ip_vs.
func (m *machines) refusesIPVS(file string) {
	m.t.Helper()
	const reason = "has no ip_vs, which exposure: ipvs needs"
	before := m.contents()
	refused := m.kplb("apply", "-i", file, "--yes")
	refused.want(m.t, 3, "kubernetes-node-1: ", "kubernetes-node-2: ", "kubernetes-node-3: ", reason, "write exposure: redirect")
	m.kplb("diff", "-i", file).want(m.t, 3, reason)
	m.kplb("verify", "-i", file).want(m.t, 3, reason)
	after := m.contents()
	for n, was := range before {
		if after[n] != was {
			m.t.Errorf("node %s was touched\nbefore:\n%s\nnow:\n%s", n, was, after[n])
		}
	}
	m.t.Logf("%s: %s", filepath.Base(file), strings.TrimSpace(refused.stderr))
}

// elsewhere are lines of examples that name what this lab does not have: keys
// and hosts to log in by, a DNS server, workers.
var elsewhere = regexp.MustCompile(`(?m)^ *(identityFile|proxyJump|dnsName): .*\n|^(workers|workerBalancer):\n(  .*\n)+`)

// example reads an example.
func (m *machines) example(file string) string {
	m.t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		m.t.Fatal(err)
	}
	return string(data)
}
