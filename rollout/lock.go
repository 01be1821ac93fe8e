package rollout

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/remote"
)

// The lock of a node lives as long as its operator's connection. A beat goes
// out every few seconds; a node that misses some takes its operator for dead.
const (
	beat    = 5 * time.Second
	silence = 20 * time.Second
	longest = 12 * time.Hour
)

// LockedError says that another operator is at work on a node.
type LockedError struct{ Node, By string }

func (e *LockedError) Error() string {
	return fmt.Sprintf("%s: locked by %s", e.Node, cmp.Or(e.By, "another operator"))
}

// Hint is the cure.
func (e *LockedError) Hint() string {
	return "wait until it is done; if nobody is at work any more, `kplb unlock` takes the lock away"
}

// newToken names a change, or a lock. It is random: two operators never have
// the same.
func newToken() string { return strings.ToLower(rand.Text()) }

// lock takes the locks of all nodes, in the order of their names, and holds
// them until the returned function is called.
func (r *Rollout) lock(ctx context.Context) (unlock func(), err error) {
	nodes := slices.Clone(r.Cluster.Nodes)
	slices.SortFunc(nodes, func(a, b inventory.Node) int { return cmp.Compare(a.Name, b.Name) })
	// the locks outlive an interrupted rollout until it has been taken back
	holding, stop := context.WithCancel(context.WithoutCancel(ctx))
	var holders sync.WaitGroup
	unlock = func() {
		stop()
		holders.Wait()
	}
	r.token = newToken()
	for _, n := range nodes {
		if r.absent[n.Name] {
			continue
		}
		if err := r.hold(ctx, holding, &holders, n); err != nil {
			unlock()
			return nil, err
		}
	}
	return unlock, nil
}

// hold takes one lock and leaves a goroutine that keeps it.
func (r *Rollout) hold(ctx, holding context.Context, holders *sync.WaitGroup, n inventory.Node) error {
	h, err := r.host(ctx, n)
	if err != nil {
		return err
	}
	taken := make(chan error, 1)
	tell := func(err error) {
		select {
		case taken <- err: // the first word counts
		default:
		}
	}
	holders.Go(func() {
		err := run(holding, h, n.Name, remote.Script{
			Name: "hold", Body: holdBody, Limit: longest, Beat: beat,
			Vars: map[string]string{
				"KPLB_TOKEN": r.token, "KPLB_OWNER": r.Operator + " since " + time.Now().UTC().Format(time.RFC3339),
				"KPLB_SECONDS": strconv.Itoa(int(silence.Seconds())),
			},
		}, func(record remote.Record) {
			switch record.Key {
			case "locked":
				tell(nil)
			case "held":
				tell(&LockedError{n.Name, strings.Join(record.Fields, " ")})
			}
		})
		if err == nil {
			err = fmt.Errorf("%s: the lock was not taken: hold.sh ended without a word", n.Name)
		}
		tell(err)
	})
	select {
	case err := <-taken:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Unlock takes the locks of all nodes away from whoever holds them, and says
// who that was.
func (r *Rollout) Unlock(ctx context.Context) (map[string]string, error) {
	var mu sync.Mutex
	owners := map[string]string{}
	err := r.each(r.Cluster.Nodes, func(n inventory.Node) error {
		h, err := r.host(ctx, n)
		if err != nil {
			return err
		}
		return run(ctx, h, n.Name, remote.Script{Name: "unlock", Body: unlockBody, Limit: 30 * time.Second}, func(record remote.Record) {
			mu.Lock()
			defer mu.Unlock()
			if record.Key == "taken" {
				owners[n.Name] = strings.Join(record.Fields, " ")
			}
		})
	})
	return owners, err
}
