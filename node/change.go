package node

import (
	"context"
	"errors"
	"strings"

	"github.com/kplb/kplb/distribution"
	"github.com/kplb/kplb/remote"
)

// TransactRequest begins a change that is staged.
type TransactRequest struct {
	Txn   string
	Token string // of the lock that its operator holds
}

// Transact puts the staged files in place: all of them, or none and a
// RefusedError. From then on the node reverts the change when its window is
// over, unless the change is renewed or confirmed.
func Transact(ctx context.Context, h Host, l distribution.Layout, q TransactRequest) error {
	return run(ctx, h, q.script(l), nil)
}

func (q TransactRequest) script(l distribution.Layout) remote.Script {
	return layoutScript("transact", l, map[string]string{"KPLB_TXN": q.Txn, "KPLB_TOKEN": q.Token})
}

// Renew gives a change that is in place its whole window again.
func Renew(ctx context.Context, h Host, txn, token string) error {
	return run(ctx, h, script("renew", map[string]string{"KPLB_TXN": txn, "KPLB_TOKEN": token}), nil)
}

// PrecommitRequest is about a change that is about to be confirmed.
type PrecommitRequest struct {
	Txn   string
	Token string   // of the lock that its operator holds
	Paths []string // whose state belongs to a generation
}

// Precommit wants the daemons to be those that Activate has left, and writes the
// new generation beside the others: what can fail of a confirmation does so
// here.
func Precommit(ctx context.Context, h Host, l distribution.Layout, q PrecommitRequest) error {
	return run(ctx, h, q.script(l), nil)
}

func (q PrecommitRequest) script(l distribution.Layout) remote.Script {
	return layoutScript("precommit", l, map[string]string{"KPLB_TXN": q.Txn, "KPLB_TOKEN": q.Token, "KPLB_PATHS": strings.Join(q.Paths, " ")})
}

// ConfirmRequest makes a change permanent.
type ConfirmRequest struct {
	Txn     string           // empty: whichever is waiting
	Token   string           // of the lock that the operator holds; where nobody does, it may be empty
	Paths   []string         // whose state belongs to a generation
	Keep    int              // how many generations stay, beside the one from before kplb
	Restart *MeasuredRestart // of the apiserver, for the next plan; nil: it has not restarted
}

// Confirm makes the change that is in place the node's newest generation. It can
// be asked again where the answer was lost.
func Confirm(ctx context.Context, h Host, l distribution.Layout, q ConfirmRequest) error {
	return run(ctx, h, q.script(l), nil)
}

func (q ConfirmRequest) script(l distribution.Layout) remote.Script {
	restarted := ""
	if q.Restart != nil {
		restarted = q.Restart.String()
	}
	return layoutScript("confirm", l, map[string]string{
		"KPLB_TXN": q.Txn, "KPLB_TOKEN": q.Token, "KPLB_PATHS": strings.Join(q.Paths, " "), "KPLB_KEEP": number(q.Keep), "KPLB_RESTARTED": restarted,
	})
}

// ErrConfirmed is of a node that has confirmed the change, though its answer was
// lost.
var ErrConfirmed = errors.New("the change is confirmed")

// ErrLost is of a node that was changed, and does not know any more how to go
// back.
var ErrLost = errors.New("the way back, " + pendingPath + ", was removed or damaged")

// RevertRequest takes a change back that is not confirmed.
type RevertRequest struct {
	Txn    string   // empty: whichever is waiting
	Token  string   // of the lock that the operator holds; where nobody does, it may be empty
	Paths  []string // whose state belongs to a generation
	Reason string   // for whoever asks later, in one line
}

// Revert brings a node back to what it was before a change, and sweeps up what
// was only staged. Its error is ErrConfirmed or ErrLost where it is too late.
func Revert(ctx context.Context, h Host, l distribution.Layout, q RevertRequest) error {
	said := map[string]bool{}
	err := run(ctx, h, q.script(l), func(r remote.Record) { said[r.Key] = true })
	switch {
	case err != nil:
		return err
	case said["confirmed"]:
		return ErrConfirmed
	case said["lost"]:
		return ErrLost
	}
	return nil
}

func (q RevertRequest) script(l distribution.Layout) remote.Script {
	return layoutScript("revert", l, map[string]string{"KPLB_TXN": q.Txn, "KPLB_TOKEN": q.Token, "KPLB_PATHS": strings.Join(q.Paths, " "), "KPLB_REASON": q.Reason})
}
