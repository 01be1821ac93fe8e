package rollout

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/member"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/plan"
	"github.com/kplb/kplb/record"
)

// claims are what the operator has said about nodes beyond the inventory.
func (r *Rollout) claims() member.Claims {
	return member.Claims{TakeOver: r.TakeOver, Rename: r.Rename, Gone: r.Forgotten}
}

// newID is the identity of a cluster that has none yet.
func newID() string {
	id := make([]byte, 16)
	_, _ = rand.Read(id) // never fails
	return hex.EncodeToString(id)
}

// addRecord says what the nodes have recorded when the plan has been carried out, and
// notes what that is where nothing else changes.
func addRecord(r *Rollout, p *plan.Plan, m member.Membership) {
	next := p.Next(m, newID())
	if next != m.Record {
		next.By, next.Version, next.Time = by(r.Fleet.Operator), cmp.Or(r.Version, "unknown"), time.Now().UTC().Truncate(time.Second)
	}
	p.Record = next
	for _, note := range p.ClaimNotes(m) {
		p.Note("%s", note)
	}
}

// by is an operator without the process: user@host.
func by(operator string) string {
	who, _, _ := strings.Cut(operator, ", pid ")
	user, host, _ := strings.Cut(who, "@")
	return strings.Join(strings.Fields(cmp.Or(user, "somebody")), "-") + "@" + cmp.Or(host, "unknown")
}

// Record gives the plan's record to the nodes that lack it, where the plan changes none.
// It locks all nodes (LockedError), and returns the names of those that lacked it.
func (r *Rollout) Record(ctx context.Context, p *plan.Plan) ([]string, error) {
	lacking := p.Lack()
	if len(lacking) == 0 {
		return nil, nil
	}
	lock, err := r.Fleet.Lock(ctx)
	if err != nil {
		return nil, err
	}
	defer lock.Release(ctx)
	l := leveling{fleet.NewToken(), lock.Token, aboutOf(r.Fleet), p.Record}
	names := inventory.Names(lacking)
	slices.Sort(names)
	return names, l.all(ctx, r.Fleet, lacking)
}

// aboutOf says whose change it is.
func aboutOf(f *fleet.Fleet) string { return f.Operator + ", cluster " + f.Cluster.Name }

// leveling gives nodes the generation of a record, whose change does nothing there.
type leveling struct {
	txn, token, about string
	record            *record.Record
}

func (l leveling) all(ctx context.Context, f *fleet.Fleet, nodes []inventory.Node) error {
	return fleet.Each(nodes, func(n inventory.Node) error {
		h, err := f.Connect(ctx, n)
		if err != nil {
			return err
		}
		err = node.Level(ctx, h, fleet.LayoutOf(f.Cluster), node.LevelRequest{
			Txn: l.txn, Token: l.token, About: l.about, Number: l.record.Generation, Record: l.record.Bytes(), Paths: managedPaths(f, n), Keep: keep,
		})
		if err != nil {
			return fmt.Errorf("%w: it has no record of generation %d until the next apply", err, l.record.Generation)
		}
		return nil
	})
}
