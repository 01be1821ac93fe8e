package rollout

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/remote"
)

// The steps of one node, each a shell script of ours.
var (
	//go:embed packages.sh
	packagesBody string
	//go:embed install.sh
	installBody string
	//go:embed await.sh
	awaitBody string
	//go:embed activate.sh
	activateBody string
)

// How long steps usually take, for people who wait.
const (
	packagesUsual = 30 * time.Second
	installUsual  = time.Second
	activateUsual = 2 * time.Second
)

// apiserverPatience is how long an apiserver may take to come back.
const apiserverPatience = 180 * time.Second

func packagesScript(names []string, check bool) remote.Script {
	return remote.Script{
		Name: "packages", Body: packagesBody, Limit: 15 * time.Minute,
		Vars: map[string]string{"KPLB_PACKAGES": strings.Join(names, " "), "KPLB_CHECK": flag(check)},
	}
}

// installScript puts the changed files on the node: all, or none and a
// refusedByNode. With check it stops before the first change.
func installScript(n NodePlan, check bool) remote.Script {
	var list strings.Builder
	data := map[string][]byte{}
	for i, c := range n.Changes {
		name := "file" + strconv.Itoa(i)
		data[name] = c.Content
		fmt.Fprintf(&list, "%s %o %s %s %s\n", name, c.Mode.Perm(), c.before(), hash(c.Content), c.Path)
	}
	return remote.Script{
		Name: "install", Body: installBody, Files: data, Limit: 2 * time.Minute,
		Vars: map[string]string{
			"KPLB_FILES": list.String(), "KPLB_TXN": newTransaction(), "KPLB_SYSCTL": flag(n.Sysctl),
			"KPLB_CHECK": flag(check),
		},
	}
}

func (c Change) before() string {
	if c.Was == nil {
		return "absent"
	}
	return hash(c.Was.Content)
}

func hash(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

func flag(b bool) string {
	if b {
		return "1"
	}
	return ""
}

// awaitAPIServer waits until the node's apiserver has its own address only,
// and is ready.
func (r *Rollout) awaitAPIServer(ctx context.Context, h Host, n inventory.Node) error {
	at := apiserverOf(r.Cluster, n)
	r.report(Event{Node: n.Name, Step: "waiting for the apiserver on " + at.String(), Usual: apiserverRestart})
	err := run(ctx, h, n.Name, remote.Script{
		Name: "await", Body: awaitBody, Limit: apiserverPatience + 10*time.Second,
		Vars: map[string]string{
			"KPLB_ADDRESS": n.Address.String(), "KPLB_PORT": strconv.Itoa(int(r.Cluster.Port)),
			"KPLB_SECONDS": strconv.Itoa(int(apiserverPatience.Seconds())),
		},
	})
	if err != nil {
		return err
	}
	return r.awaitReady(ctx, n)
}

func apiserverOf(c *inventory.Cluster, n inventory.Node) netip.AddrPort {
	return netip.AddrPortFrom(n.Address, c.Port)
}

func (r *Rollout) activate(ctx context.Context, h Host, n NodePlan) error {
	r.report(Event{Node: n.Node.Name, Step: "haproxy and keepalived", Usual: activateUsual})
	return run(ctx, h, n.Node.Name, remote.Script{
		Name: "activate", Body: activateBody, Limit: 2 * time.Minute,
		Files: map[string][]byte{"active": n.active},
		Vars: map[string]string{
			"KPLB_UNITS": flag(n.units), "KPLB_ENABLE": strings.Join(n.Enable, " "),
			"KPLB_HAPROXY": string(n.HAProxy), "KPLB_KEEPALIVED": string(n.Keepalived),
			"KPLB_VIP": r.Cluster.VIP.String(), "KPLB_PORT": strconv.Itoa(int(r.Cluster.Port)),
		},
	})
}

// run runs a step. What the step itself refused is a refusedByNode, in the
// step's words; files that could not be put back are added to it.
func run(ctx context.Context, h Host, node string, s remote.Script) error {
	var refused string
	var left []string
	touched := false
	err := h.Run(ctx, s, func(r remote.Record) error {
		switch r.Key {
		case "refused":
			refused = strings.TrimSpace(strings.Join(r.Fields, " "))
		case "touched":
			touched = true
		case "left":
			left = append(left, r.Fields...)
		}
		return nil
	})
	switch {
	case len(left) > 0:
		return fmt.Errorf("%s: %s; not put back: %s", node, refused, strings.Join(left, ", "))
	case touched:
		return fmt.Errorf("%s: %s", node, refused)
	case refused != "":
		return &refusedByNode{node, refused}
	}
	return err
}
