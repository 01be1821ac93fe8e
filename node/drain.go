package node

import (
	"context"

	"github.com/kplb/kplb/remote"
)

// Drain has a node's haproxy send no new connections to a server of the
// apiservers' backend. A server that nobody gives back gets them again after a
// minute, and the last one that is up keeps them: then drained is false. Idle
// says that the server has no connections there.
func Drain(ctx context.Context, h Host, server string) (drained, idle bool, err error) {
	err = run(ctx, h, drainScript(server, "drain"), func(r remote.Record) {
		if r.Key == "drained" {
			drained, idle = true, len(r.Fields) == 1 && r.Fields[0] == "0"
		}
	})
	return drained, idle, err
}

// Undrain has haproxy send the server new connections again.
func Undrain(ctx context.Context, h Host, server string) error {
	return run(ctx, h, drainScript(server, "ready"), nil)
}

func drainScript(server, state string) remote.Script {
	s := script("drain", map[string]string{"KPLB_BACKEND": APIServerBackend, "KPLB_SERVER": server, "KPLB_STATE": state})
	s.Files = map[string][]byte{"haproxy.pl": []byte(file("haproxy.pl"))}
	return s
}
