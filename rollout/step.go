package rollout

import (
	"context"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/remote"
)

// How long steps usually take, for people who wait.
const (
	packagesUsual = 30 * time.Second
	transactUsual = time.Second
	activateUsual = 3 * time.Second
	reloadUsual   = time.Second
)

// apiserverPatience is how long an apiserver may take to come back.
const apiserverPatience = 180 * time.Second

// stageScript has the node check and prepare its change. Nothing is changed
// yet, and what is refused leaves nothing.
func (r *Rollout) stageScript(n NodePlan) remote.Script {
	var list strings.Builder
	data := map[string][]byte{"restore": node.RestoreProgram()}
	for i, c := range n.Changes {
		name := "file" + strconv.Itoa(i)
		data[name] = c.Content
		fmt.Fprintf(&list, "%s %o %s %s %s %s\n", name, c.Mode.Perm(), c.Owner, c.before(), c.after(), c.Path)
	}
	if n.Certificate != nil {
		n.Certificate.stage(&list, data)
	}
	s := node.Script("stage", map[string]string{
		"KPLB_FILES": list.String(), "KPLB_PATHS": strings.Join(n.paths, " "),
		"KPLB_TXN": r.txn, "KPLB_TOKEN": r.token, "KPLB_ABOUT": r.Operator + ", cluster " + r.Cluster.Name,
		"KPLB_WINDOW": strconv.Itoa(int(r.windowOf(n).Seconds())), "KPLB_VIP": n.vip, "KPLB_QUICK": n.Restart.port(r.Cluster.Port),
	})
	s.Files = data
	return s
}

// transactScript puts the staged files in place: all, or none and a
// refusedByNode. From then on the node takes them back after its window,
// unless it is told otherwise.
func (r *Rollout) transactScript() remote.Script {
	return node.Script("transact", map[string]string{"KPLB_TXN": r.txn, "KPLB_TOKEN": r.token})
}

func flag(b bool) string {
	if b {
		return "1"
	}
	return ""
}

func (r *Rollout) manifestScript(c Change) remote.Script {
	s := node.Script("manifest", map[string]string{
		"KPLB_TXN": r.txn, "KPLB_BEFORE": c.before(), "KPLB_MODE": fmt.Sprintf("%o", c.Mode.Perm()),
		"KPLB_PORT": strconv.Itoa(int(r.Cluster.Port)),
	})
	s.Files = map[string][]byte{"manifest": c.Content}
	return s
}

// apiserver puts the manifest in place and waits until the apiserver listens
// where it should, and is ready. What is to be done meanwhile is done as soon as
// the apiserver has left its old addresses.
func (r *Rollout) apiserver(ctx context.Context, h Host, n NodePlan, meanwhile func() error) error {
	defer r.drain(ctx, n.Node)()
	waiting := Event{Node: n.Node.Name, Step: "waiting for the apiserver on " + n.Listen, Usual: n.Restart.Usual}
	return r.during(waiting, func(waits func(string)) error {
		began := time.Now()
		socket, err := r.replaceManifest(ctx, h, n)
		if err != nil {
			return err
		}
		if err := r.awaitListening(ctx, h, n.Node, n.Listen, socket, waits); err != nil {
			return err
		}
		ready, cancel := context.WithCancel(ctx)
		defer cancel()
		var both errgroup.Group
		both.Go(func() error {
			err := meanwhile()
			if err != nil {
				cancel()
			}
			return err
		})
		both.Go(func() error {
			err := r.awaitReady(ready, n.Node, waits)
			if err == nil && n.Manifest != nil {
				r.restarted(n, time.Since(began))
			}
			return err
		})
		return both.Wait()
	})
}

// replaceManifest says with which socket the apiserver has listened until now;
// empty: it does not restart.
func (r *Rollout) replaceManifest(ctx context.Context, h Host, n NodePlan) (socket string, err error) {
	if n.Manifest == nil {
		return "", nil
	}
	err = node.Run(ctx, h, r.manifestScript(*n.Manifest), func(record remote.Record) {
		if record.Key == "socket" && len(record.Fields) == 1 {
			socket = record.Fields[0]
		}
	})
	return socket, err
}

// awaitListening waits until the apiserver has left its old addresses for its
// new ones, and the old socket, if it is given, for another one.
func (r *Rollout) awaitListening(ctx context.Context, h Host, n inventory.Node, listen, socket string, waits func(string)) error {
	for end := time.Now().Add(apiserverPatience); ; {
		var elsewhere string
		err := node.Run(ctx, h, node.Script("await", map[string]string{
			"KPLB_LISTEN": listen, "KPLB_PORT": strconv.Itoa(int(r.Cluster.Port)),
			"KPLB_SOCKET":  socket,
			"KPLB_SECONDS": strconv.Itoa(int(awaitSlice.Seconds())),
		}), func(record remote.Record) {
			if record.Key == "elsewhere" {
				elsewhere = strings.Join(record.Fields, " ")
			}
		})
		switch {
		case err != nil || elsewhere == "":
			return err
		case !time.Now().Before(end):
			return fmt.Errorf("%s: the apiserver listens on %s, not on %s, after %.0f s", n.Name, elsewhere, listen, apiserverPatience.Seconds())
		}
		waits("it listens on " + elsewhere)
	}
}

// awaitSlice is how long a node waits by itself. It is short: while a step
// runs, the node does not notice that its operator is gone.
const awaitSlice = 10 * time.Second

func apiserverOf(c *inventory.Cluster, n inventory.Node) netip.AddrPort {
	return netip.AddrPortFrom(n.Address, c.Port)
}

func (r *Rollout) activateScript(n NodePlan) remote.Script {
	s := node.Script("activate", map[string]string{
		"KPLB_TXN": r.txn, "KPLB_UNITS": flag(n.units), "KPLB_SYSCTL": string(n.Sysctl),
		"KPLB_ENABLE": strings.Join(n.Enable, " "), "KPLB_DISABLE": strings.Join(n.Disable, " "),
		"KPLB_HAPROXY": string(n.HAProxy), "KPLB_KEEPALIVED": string(n.Keepalived), "KPLB_KUBELET": string(n.Kubelet),
		"KPLB_REDIRECT": string(n.Redirect), "KPLB_DIRECTOR": string(n.Director), "KPLB_MARK": node.Mark,
		"KPLB_GIVE": strings.Join(n.gives, " "), "KPLB_GIVE_OF": strconv.Itoa(n.givesOf),
		"KPLB_OPEN": ufwLines("allow", n.open), "KPLB_CLOSE": ufwLines("delete", n.close),
		"KPLB_SERVES": joined(n.serves, " "), "KPLB_NO_BIND6": flag(n.noBind6),
	})
	if n.waits && n.Keepalived == Restart {
		s.Vars["KPLB_KEEPALIVED"] = string(Stop)
	}
	s.Files = map[string][]byte{"active": n.active}
	return s
}
