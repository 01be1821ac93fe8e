package node

import (
	"context"
	"fmt"
	"io/fs"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/kplb/kplb/remote"
)

// ManifestRequest replaces the manifest of the apiserver's static pod.
type ManifestRequest struct {
	Txn     string
	Before  Sum // of the manifest that has to be there now
	Mode    fs.FileMode
	Content []byte
}

// ReplaceManifest puts the apiserver's manifest in place, and kubelet restarts
// the apiserver. It says when the manifest came, by the node's clock since its
// boot; 0: that is not known.
func ReplaceManifest(ctx context.Context, h Host, q ManifestRequest) (placed time.Duration, err error) {
	err = run(ctx, h, q.script(), func(r remote.Record) {
		if r.Key == "placed" && len(r.Fields) == 1 {
			if hundredths, err := strconv.ParseUint(r.Fields[0], 10, 40); err == nil {
				placed = time.Duration(hundredths) * tick
			}
		}
	})
	return placed, err
}

// tick is in what programs count time since the boot: that of proc_pid_stat(5).
const tick = time.Second / 100

func (q ManifestRequest) script() remote.Script {
	s := script("manifest", map[string]string{"KPLB_TXN": q.Txn, "KPLB_BEFORE": q.Before.form(), "KPLB_MODE": fmt.Sprintf("%o", q.Mode.Perm())})
	s.Files = map[string][]byte{"manifest": q.Content}
	return s
}

// AwaitRequest says where the apiserver should listen.
type AwaitRequest struct {
	Listen netip.AddrPort // an unspecified address: on every one
	Since  time.Duration  // by the node's clock since its boot: an apiserver that was started before does not count; 0: any does
	Wait   time.Duration  // in whole seconds, at most AwaitLimit
}

// AwaitLimit is how long AwaitRequest.Wait may be. It is short: while a program
// runs, the node does not notice that its operator is gone.
const AwaitLimit = 10 * time.Second

// AwaitListening waits until the apiserver listens where it should, and nowhere
// else. Where that does not come true, it says where it listens instead.
func AwaitListening(ctx context.Context, h Host, q AwaitRequest) (elsewhere string, err error) {
	err = run(ctx, h, q.script(), func(r remote.Record) {
		if r.Key == "elsewhere" {
			elsewhere = strings.Join(r.Fields, " ")
		}
	})
	return elsewhere, err
}

func (q AwaitRequest) script() remote.Script {
	listen, since := q.Listen.String(), ""
	if q.Listen.Addr().IsUnspecified() {
		listen = "*:" + number(q.Listen.Port())
	}
	if q.Since != 0 {
		since = strconv.FormatInt(int64(q.Since/tick), 10)
	}
	return script("await", map[string]string{
		"KPLB_LISTEN": listen, "KPLB_PORT": number(q.Listen.Port()), "KPLB_SINCE": since, "KPLB_SECONDS": seconds(q.Wait),
	})
}

// AdminKubeconfig reads the administrator's kubeconfig of a control-plane node:
// a secret.
func AdminKubeconfig(ctx context.Context, h Host) ([]byte, error) {
	var kubeconfig []byte
	var bad error
	err := h.Run(ctx, script("credentials", nil), func(r remote.Record) error {
		if r.Key == "kubeconfig" {
			kubeconfig, bad = r.Data(0)
		}
		return bad
	})
	return kubeconfig, err
}
