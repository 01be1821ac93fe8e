package node

import (
	"context"
	"fmt"
	"io/fs"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/kplb/kplb/distribution"
	"github.com/kplb/kplb/remote"
)

// Replaced tells the apiserver of a new manifest from those before it.
type Replaced struct {
	Socket uint64        // with which the old one has listened, by its inode; 0: it is not known
	At     time.Duration // when the manifest came, by the node's clock since its boot; 0: it came in one step
}

// ManifestRequest replaces the manifest of the apiserver's static pod.
type ManifestRequest struct {
	Txn     string
	Token   string // of the lock that its operator holds
	Before  Sum    // of the manifest that has to be there now
	Mode    fs.FileMode
	Content []byte
	Port    uint16 // of the apiserver
}

// ReplaceManifest puts the apiserver's manifest in place, and kubelet restarts
// the apiserver.
func ReplaceManifest(ctx context.Context, h Host, l distribution.Layout, q ManifestRequest) (Replaced, error) {
	var replaced Replaced
	err := run(ctx, h, q.script(l), func(r remote.Record) {
		if len(r.Fields) != 1 {
			return
		}
		value, err := strconv.ParseUint(r.Fields[0], 10, 40)
		switch {
		case err != nil: // there may be none, or two
		case r.Key == "socket":
			replaced.Socket = value
		case r.Key == "placed":
			replaced.At = time.Duration(value) * tick
		}
	})
	return replaced, err
}

// tick is in what programs count time since the boot: that of proc_pid_stat(5).
const tick = time.Second / 100

func (q ManifestRequest) script(l distribution.Layout) remote.Script {
	s := layoutScript("manifest", l, map[string]string{
		"KPLB_TXN": q.Txn, "KPLB_TOKEN": q.Token, "KPLB_BEFORE": q.Before.form(), "KPLB_MODE": fmt.Sprintf("%o", q.Mode.Perm()), "KPLB_PORT": number(q.Port),
	})
	s.Files = map[string][]byte{"manifest": q.Content}
	return s
}

// AwaitRequest says where the apiserver should listen.
type AwaitRequest struct {
	Listen netip.AddrPort // an unspecified address: on every one
	After  Replaced       // neither the old apiserver counts, nor one that was started before
	Wait   time.Duration  // in whole seconds, at most AwaitLimit
}

// AwaitLimit is how long AwaitRequest.Wait may be. It is short: while a program
// runs, the node does not notice that its operator is gone.
const AwaitLimit = 10 * time.Second

// AwaitListening waits until the apiserver listens where it should, and nowhere
// else. Where that does not come true, it says where it listens instead.
func AwaitListening(ctx context.Context, h Host, l distribution.Layout, q AwaitRequest) (elsewhere string, err error) {
	err = run(ctx, h, q.script(l), func(r remote.Record) {
		if r.Key == "elsewhere" {
			elsewhere = strings.Join(r.Fields, " ")
		}
	})
	return elsewhere, err
}

func (q AwaitRequest) script(l distribution.Layout) remote.Script {
	listen, socket, since := q.Listen.String(), "", ""
	if q.Listen.Addr().IsUnspecified() {
		listen = "*:" + number(q.Listen.Port())
	}
	if q.After.Socket != 0 {
		socket = strconv.FormatUint(q.After.Socket, 10)
	}
	if q.After.At != 0 {
		since = strconv.FormatInt(int64(q.After.At/tick), 10)
	}
	return layoutScript("await", l, map[string]string{
		"KPLB_LISTEN": listen, "KPLB_PORT": number(q.Listen.Port()), "KPLB_SOCKET": socket, "KPLB_SINCE": since, "KPLB_SECONDS": seconds(q.Wait),
	})
}

// AdminKubeconfig reads the administrator's kubeconfig of a control-plane node,
// which is at an absolute path: a secret.
func AdminKubeconfig(ctx context.Context, h Host, path string) ([]byte, error) {
	var kubeconfig []byte
	var bad error
	err := read(ctx, h, script("credentials", map[string]string{"KPLB_KUBECONFIG": path}), func(r remote.Record) error {
		if r.Key == "kubeconfig" {
			kubeconfig, bad = r.Data(0)
		}
		return bad
	})
	return kubeconfig, err
}
