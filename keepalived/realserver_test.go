package keepalived

import (
	"fmt"
	"testing"
)

func TestNamedRealServers(t *testing.T) {
	t.Parallel()
	const text = `virtual_server fwmark 107 {
    # kubernetes-node-1
    real_server 10.1.1.1 6443 {
        SSL_GET {
        }
    }
    real_server 10.1.1.2 6443 {
    }
    # a sentence about the next one
    real_server 10.1.1.3 6443 {
    }
    # b
    real_server 10.1.1.4 64430000 {
    }
    # c
    real_server 10.1.1.5 443 {
    }
}
`
	if got := fmt.Sprint(NamedRealServers([]byte(text))); got != "[{kubernetes-node-1 10.1.1.1:6443} {c 10.1.1.5:443}]" {
		t.Errorf("got %s", got)
	}
}
