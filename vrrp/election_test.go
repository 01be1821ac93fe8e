package vrrp

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/kplb/kplb/inventory"
)

// speakersOf are nodes on one network, with what a test says of them.
func speakersOf(n int, change func(i int, s *Speaker)) []Speaker {
	out := make([]Speaker, n)
	for i := range out {
		out[i] = Speaker{
			Node: string(rune('a' + i)), State: "BACKUP", Priority: 150 - 10*i, vrid: 7, version: 3,
			source: netip.AddrFrom4([4]byte{10, 1, 1, byte(i + 1)}), lines: map[string]int{},
			checks: []check{{name: "file", fails: effect{fault: true}, dead: true}, {name: "script", fails: effect{fault: true}, dead: true, frozen: true}},
		}
		change(i, &out[i])
	}
	return out
}

// TestBuiltinIsProven: for every number of nodes, every state that there is.
func TestBuiltinIsProven(t *testing.T) {
	t.Parallel()
	for n := 2; n <= maxExplored; n++ {
		for _, failback := range []bool{false, true} {
			got := newElection(speakersOf(n, func(_ int, s *Speaker) { s.NoPreempt = !failback })).prove()
			// each node is off, well, or failing; the holder is one that is well, with failback the highest
			want, each := 0, 1
			for range n {
				each *= 3
			}
			for at := range each {
				fine := 0
				for v := at; v > 0; v /= 3 {
					if v%3 == 1 {
						fine++
					}
				}
				if fine > 1 && !failback {
					want += fine
				} else {
					want++
				}
			}
			if got.States != want || got.MostAtOnce != 1 || len(got.flaws) > 0 {
				t.Errorf("%d nodes, failback %t: %d states, want %d; %d at once; %v", n, failback, got.States, want, got.MostAtOnce, got.flaws)
			}
		}
	}
}

// TestCasesAreSound: the inventories that the goldens are of, one with 15 nodes
// among them, as the built-in templates render them.
func TestCasesAreSound(t *testing.T) {
	t.Parallel()
	forCases(t, func(t *testing.T, c *inventory.Cluster) {
		speakers, err := ReadCluster(c, rendered(t, c))
		if err != nil {
			t.Fatal(err)
		}
		contests := Contests(c, speakers)
		if len(contests) != len(c.Groups()) {
			t.Errorf("%d contests of %d groups", len(contests), len(c.Groups()))
		}
		for i, g := range c.Groups() {
			soundCase(t, c, g, contests[i].Speakers)
		}
	})
}

func soundCase(t *testing.T, c *inventory.Cluster, g inventory.Group, speakers []Speaker) {
	t.Helper()
	sim, err := Simulate(c, speakers)
	if err != nil {
		t.Error(err)
	}
	checks := 2
	if c.Exposure == inventory.IPVS {
		checks = 1
	}
	for i, n := range c.Nodes {
		s := speakers[i]
		if s.Node != n.Name || s.Priority != g.Priorities[n.Name] || s.NoPreempt == g.Failback || s.version != c.VRRP.Version ||
			s.vrid != g.VirtualRouterID || s.advert != c.VRRP.AdvertInterval || len(s.checks) != checks ||
			(s.peers == nil) != (c.VRRP.Mode == inventory.Multicast || len(c.Nodes) == 1) {
			t.Errorf("%s is read as %+v", n.Name, s)
		}
	}
	// the table says what diff says (Timing)
	for _, o := range sim.Outcomes {
		if len(o.Failing) > 1 || o.Failing[0] != sim.Start {
			continue
		}
		if want := map[Failure]any{Off: masterDown(c), HAProxyDead: skew(c), HAProxyFrozen: c.VRRP.Watch.Frozen() + skew(c), IPVSGone: c.VRRP.Watch.Frozen() + skew(c)}[o.Failure]; o.Within != want {
			t.Errorf("%s: within %s, want %s", o.Failure, o.Within, want)
		}
	}
	if g.Preferred != "" && sim.Start != g.Preferred {
		t.Errorf("%s has %v at first, and %s is preferred", sim.Start, g.VIPs, g.Preferred)
	}
}

// TestModelIsLikeKeepalived: who holds the VIP with the holder's check failing,
// then recovered, then failing on all, is what was seen of keepalived itself on
// three machines.
func TestModelIsLikeKeepalived(t *testing.T) {
	t.Parallel()
	weighed := func(priority, step, weight int, noPreempt bool) []Speaker {
		return speakersOf(3, func(i int, s *Speaker) {
			s.Priority, s.NoPreempt = priority-step*i, noPreempt
			c := check{name: "script", dead: true, frozen: true}
			switch {
			case weight == 0:
				c.fails.fault = true
			case weight < 0:
				c.fails.adjust = weight
			default:
				c.passes.adjust = weight
			}
			s.checks = []check{c}
		})
	}
	for _, c := range []struct {
		name                         string
		speakers                     []Speaker
		fails, recovers, onAll, flaw string
		entered                      int
	}{
		{"nopreempt, weight -50", weighed(150, 10, -50, true), "a", "a", "a", "with HAProxy dead on a (priority 100), a holds the VIP, though", 1},
		{"nopreempt, FAULT", weighed(150, 10, 0, true), "b", "b", "", "", 1},
		{"equal, weight -50", weighed(100, 0, -50, false), "c", "c", "c", "", 3},
		{"equal, weight +20", weighed(40, 0, 20, false), "c", "c", "c", "", 3},
		{"preferred, FAULT", weighed(150, 10, 0, false), "b", "a", "", "", 1},
		{"too light (lablabs/ansible-role-rke2#60)", weighed(150, 10, -5, false), "a", "a", "a", "with HAProxy dead on a (priority 145), a holds the VIP, though", 1},
		{"state MASTER", speakersOf(3, func(i int, s *Speaker) { s.State = []string{"MASTER", "BACKUP", "BACKUP"}[i] }), "b", "a", "", "", 1},
	} {
		e := newElection(c.speakers)
		s := e.start()
		begins := slices.Index([]uint16{1, 2, 4}, s.holders)
		if begins < 0 {
			t.Errorf("%s: holders %b at the start", c.name, s.holders)
			continue
		}
		// of equal ones the highest address holds it; call it a
		name := func(s state) string {
			holder, _ := e.holder(s)
			if begins == 2 {
				return strings.NewReplacer("a", "b", "b", "c", "c", "a").Replace(holder)
			}
			return holder
		}
		s.at[begins] = statusFailing
		e.settle(&s)
		got := [3]string{name(s)}
		s.at[begins] = statusHealthy
		e.settle(&s)
		got[1] = name(s)
		for i := range 3 {
			s.at[i] = statusFailing
		}
		e.settle(&s)
		got[2] = name(s)
		if want := [3]string{c.fails, c.recovers, c.onAll}; got != want {
			t.Errorf("%s: %q, want %q", c.name, got, want)
		}
		proof := e.prove()
		if proof.MostAtOnce != c.entered {
			t.Errorf("%s: %d at once, want %d", c.name, proof.MostAtOnce, c.entered)
		}
		if (len(proof.flaws) > 0) != (c.flaw != "") || c.flaw != "" && !slices.ContainsFunc(proof.flaws, func(f flaw) bool { return strings.HasPrefix(f.String(), c.flaw) }) {
			t.Errorf("%s: %v, want %q", c.name, proof.flaws, c.flaw)
		}
	}
}

// TestGroupsOfThree have a flaw exactly where all nodes together have one, and
// as many holders on the way as fit into a group: the argument of prove, tried
// on elections of every kind.
func TestGroupsOfThree(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	pick := func(of ...int) int { return of[r.IntN(len(of))] }
	flawed, ties := 0, 0
	for round := range 400 {
		n, multicast := pick(4, 4, 4, 5), r.IntN(2) == 0
		speakers := speakersOf(n, func(i int, s *Speaker) {
			s.Priority, s.NoPreempt = 150-10*i, r.IntN(2) == 0
			if r.IntN(10) == 0 {
				s.Priority = pick(100, 130, 150)
			}
			if r.IntN(60) == 0 {
				s.vrid = 8
			}
			for j := range n {
				if multicast {
					break
				}
				if j != i && r.IntN(200) > 0 {
					s.peers = append(s.peers, netip.AddrFrom4([4]byte{10, 1, 1, byte(j + 1)}))
				}
			}
			c := check{name: "script", dead: true}
			switch w := pick(0, 0, 0, 0, 0, 0, 0, 0, 0, -15, -100, 20); {
			case w == 0:
				c.fails.fault = true
			case w > 0:
				c.passes.adjust = w
			default:
				c.fails.adjust = w
			}
			s.checks = []check{c}
		})
		together := newElection(speakers).explore()
		var apart Proof
		for c := range n {
			for b := range c {
				for a := range b {
					found := newElection([]Speaker{speakers[a], speakers[b], speakers[c]}).explore()
					apart.flaws, apart.MostAtOnce = append(apart.flaws, found.flaws...), max(apart.MostAtOnce, found.MostAtOnce)
				}
			}
		}
		if (len(together.flaws) > 0) != (len(apart.flaws) > 0) {
			t.Errorf("round %d: together %v, apart %v\n%+v", round, together.flaws, apart.flaws, speakers)
		}
		if len(together.flaws) == 0 && (together.MostAtOnce > 1) != (apart.MostAtOnce > 1) {
			t.Errorf("round %d: %d hold it at once, apart %d\n%+v", round, together.MostAtOnce, apart.MostAtOnce, speakers)
		}
		if len(together.flaws) > 0 {
			flawed++
		}
		if together.MostAtOnce > 1 {
			ties++
		}
	}
	if flawed < 50 || flawed > 350 || ties < 20 {
		t.Errorf("%d of 400 have a flaw, %d a tie: the test tries too little", flawed, ties)
	}
}

// TestKindIsEnough: groups that prove takes for the same have the same states.
func TestKindIsEnough(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	seen := map[string]string{}
	again := 0
	for range 3000 {
		e := newElection(speakersOf(3, func(i int, s *Speaker) {
			s.Priority, s.NoPreempt = 20*(1+r.IntN(5)), i > 0
			s.checks[1].fails = effect{adjust: -10 * (1 + r.IntN(5))}
		}))
		found := e.explore()
		got, kind := fmt.Sprint(found.States, found.MostAtOnce, len(found.flaws)), e.kind()
		if before, there := seen[kind]; there && before != got {
			t.Errorf("%s: %s, before %s", kind, got, before)
		} else if there {
			again++
		}
		seen[kind] = got
	}
	if again < 500 {
		t.Errorf("only %d of 3000 are of a kind that was there before", again)
	}
}

func BenchmarkSound(b *testing.B) {
	for _, n := range []int{3, 5, 15} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			speakers := speakersOf(n, func(i int, s *Speaker) { s.Priority, s.NoPreempt = 250-10*i, true })
			for b.Loop() {
				newElection(speakers).prove()
			}
		})
	}
}
