package node

import (
	"errors"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/remote"
)

// answers is a Host whose programs say this.
func answers(said ...remote.Record) Host {
	return scripted(func(each func(remote.Record) error) error {
		for _, r := range said {
			if err := each(r); err != nil {
				return err
			}
		}
		return nil
	})
}

// TestLock tells a lock that is held, and one that nobody speaks of, from one that
// was taken.
func TestLock(t *testing.T) {
	t.Parallel()
	says(t, Lock(t.Context(), answers(record("locked")), LockRequest{}), "")
	says(t, Lock(t.Context(), answers(), LockRequest{}), "node-1: the lock was not taken: lock.sh ended without a word")
	says(t, Lock(t.Context(), answers(record("refused", "the lock cannot be written to /run")), LockRequest{}), "node-1: the lock cannot be written to /run")
	err := Lock(t.Context(), answers(record("held", "bob@laptop since then")), LockRequest{})
	says(t, err, "node-1: locked by bob@laptop since then")
	var locked *LockedError
	same(t, "is a LockedError", errors.As(err, &locked), true)
	same(t, "hint", locked.Hint() != "", true)
	says(t, Lock(t.Context(), answers(record("held")), LockRequest{}), "node-1: locked by another operator")

	owner, held, err := Unlock(t.Context(), answers(record("taken", "bob@laptop"), record("done")))
	says(t, err, "")
	same(t, "owner", owner, "bob@laptop")
	same(t, "held", held, true)
	_, held, err = Unlock(t.Context(), answers(record("free"), record("done")))
	says(t, err, "")
	same(t, "free", held, false)
}

// TestRevert says where it is too late.
func TestRevert(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		said []remote.Record
		want error
	}{
		{[]remote.Record{record("done")}, nil},
		{[]remote.Record{record("confirmed"), record("done")}, ErrConfirmed},
		{[]remote.Record{record("lost"), record("done")}, ErrLost},
	} {
		if err := Revert(t.Context(), answers(c.said...), layout, RevertRequest{}); !errors.Is(err, c.want) {
			t.Errorf("%v: %v, want %v", c.said, err, c.want)
		}
	}
	says(t, Revert(t.Context(), answers(record("broken", "no way back")), layout, RevertRequest{}), "node-1: no way back")
	same(t, "where it was", ErrLost.Error(), "the way back, /var/lib/kplb/pending, was removed or damaged")
}

// TestApiserverAnswers: what tells the new apiserver from the old one is a number,
// or not known.
func TestApiserverAnswers(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]uint64{"4711": 4711, "": 0, "4711\n4712": 0, "*": 0, "-1": 0, "99999999999999999999": 0} {
		replaced, err := ReplaceManifest(t.Context(), answers(record("socket", said), record("placed", said), record("done")), layout, ManifestRequest{})
		says(t, err, "")
		same(t, "replaced "+said, replaced, Replaced{want, time.Duration(want) * 10 * time.Millisecond})
	}
	elsewhere, err := AwaitListening(t.Context(), answers(record("elsewhere", "*:6443")), layout, AwaitRequest{})
	says(t, err, "")
	same(t, "elsewhere", elsewhere, "*:6443")
	elsewhere, err = AwaitListening(t.Context(), answers(record("done")), layout, AwaitRequest{})
	says(t, err, "")
	same(t, "there", elsewhere, "")
	same(t, "one address", AwaitRequest{Listen: netip.MustParseAddrPort("[fd10::1]:6443")}.script(layout).Vars["KPLB_LISTEN"], "[fd10::1]:6443")

	kubeconfig, err := AdminKubeconfig(t.Context(), answers(recordData("kubeconfig", []byte("kind: Config\n")), record("done")), kubeadm.AdminPath)
	says(t, err, "")
	same(t, "kubeconfig", string(kubeconfig), "kind: Config\n")
	_, err = AdminKubeconfig(t.Context(), answers(record("kubeconfig", "!")), kubeadm.AdminPath)
	says(t, err, "field 0 of record kubeconfig is not base64: illegal base64 data at input byte 0")
}

// TestDrainAnswers: who does not say how many connections there are may have some.
func TestDrainAnswers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		said          []remote.Record
		drained, idle bool
	}{
		{nil, false, false},
		{[]remote.Record{record("drained", "0")}, true, true},
		{[]remote.Record{record("drained", "7")}, true, false},
		{[]remote.Record{record("drained")}, true, false},
	} {
		drained, idle, err := Drain(t.Context(), answers(c.said...), "node-2")
		says(t, err, "")
		same(t, "drained", drained, c.drained)
		same(t, "idle", idle, c.idle)
	}
}

// TestObserve fills in what there is, and wants the end of the answer.
func TestObserve(t *testing.T) {
	t.Parallel()
	said := []remote.Record{record("clock", "1000.000000000"), record("addresses", "2: eth0    inet 10.1.1.1/16 scope global eth0"), record("listening", "arp", "nd"), record("deaf", "it broke\noff")}
	var o Observation
	listening := 0
	err := Observe(t.Context(), answers(append(slices.Clone(said), record("done"))...), layout, ObserveRequest{}, &o, func() { listening++ })
	says(t, err, "")
	same(t, "listens", o.Listens && o.AsksARP && o.AsksND && o.HasClock && listening > 0, true)
	same(t, "why it stopped", o.ListenError, "it broke off")
	same(t, "addresses", o.Addresses, []Address{address("eth0", "10.1.1.1/16")})
	says(t, Observe(t.Context(), answers(said...), layout, ObserveRequest{}, &o, func() {}), "node-1: doctor: the node's answer is cut short")

	began := time.Now()
	p, err := SendProbes(t.Context(), answers(record("kept", "10.1.1.2"), record("sent")), ProbeRequest{})
	says(t, err, "")
	same(t, "sent", !p.Sent.Before(began), true)
	same(t, "kept", p.EgressBlocked, []netip.Addr{netip.MustParseAddr("10.1.1.2")})
}

// TestGenerationsAnswer leaves out numbers that are none.
func TestGenerationsAnswer(t *testing.T) {
	t.Parallel()
	list, err := Generations(t.Context(), answers(
		record("generation", "10", "now", "ann", "t10"), record("generation", "x", "now", "ann", ""), record("generation", "-1", "now", "ann", ""), record("generation", "2", "then", "bob", "t2"), record("current", "10"), record("done"),
	))
	says(t, err, "")
	same(t, "generations", list, []Generation{{2, "then", "bob", "t2", false, Recorded{}}, {10, "now", "ann", "t10", true, Recorded{}}})
	_, err = ReadSnapshot(t.Context(), answers(record("index", "!")), layout, 1)
	says(t, err, "node-1: generation: record index: field 0 of record index is not base64: illegal base64 data at input byte 0")
	_, err = ReadSnapshot(t.Context(), answers(record("refused", "there is no generation 1")), layout, 1)
	var refused *RefusedError
	same(t, "refused", errors.As(err, &refused) && refused.Reason == "there is no generation 1", true)
}

// TestLastRestart reads what an earlier confirmation has written down.
func TestLastRestart(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"quick 6.7\n": "quick 6.7", "graceful 44.0": "graceful 44.0", "": "", "quick": "", "quick NaN": "", "quick -1": "", "quick 1e9": ""} {
		f := &Facts{Files: map[string]File{restartedPath: {Content: []byte(text)}}}
		last, ok := f.LastRestart()
		same(t, text+" is one", ok, want != "")
		if ok {
			same(t, text, last.String(), want)
		}
	}
}
