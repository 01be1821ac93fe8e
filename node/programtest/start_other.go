//go:build !linux

package programtest

func (n *Node) start(string) {
	n.t.Helper()
	unavailable(n.t, "only Linux has the namespaces that a node lives in")
}
