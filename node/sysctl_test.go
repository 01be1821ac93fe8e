package node

import (
	"testing"

	"github.com/kplb/kplb/remote"
)

func TestParseSysctls(t *testing.T) {
	t.Parallel()
	same(t, "settings", ParseSysctls([]byte("# a = b\n; c = d\n\nnet.ipv4.ip_nonlocal_bind = 1\nnet.ipv4.tcp_rmem=4096  131072\t6291456 \nno value\nx"+esc+" = "+esc+"\n")), map[string]string{
		"net.ipv4.ip_nonlocal_bind": "1", "net.ipv4.tcp_rmem": "4096 131072 6291456", remote.Clean("x" + esc): remote.Clean(esc),
	})
}
