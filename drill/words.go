package drill

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// span says a time in milliseconds for people.
func span(ms int64) string {
	if ms < 1000 {
		return fmt.Sprintf("%d ms", ms)
	}
	return fmt.Sprintf("%.2f s", float64(ms)/1000)
}

// Verdict says in one sentence what clients noticed.
func (r Result) Verdict() string {
	if r.Failed == 0 {
		return fmt.Sprintf("every one of %d new connections was answered, the slowest after %s", r.Connections, span(r.Slowest))
	}
	share := fmt.Sprintf("%d of %d new connections failed (%s)", r.Failed, r.Connections, r.why())
	if r.WithoutAnswer <= noticeable {
		return share + ", but there was always one that was answered"
	}
	return span(r.WithoutAnswer) + " without an answer, " + share
}

// noticeable is the longest time between two answers that is nobody's outage,
// in milliseconds.
const noticeable = 100

// why lists how connections failed, the most frequent first.
func (r Result) why() string {
	kinds := slices.Sorted(maps.Keys(r.Failures))
	slices.SortStableFunc(kinds, func(a, b string) int { return r.Failures[b] - r.Failures[a] })
	for i, kind := range kinds {
		if len(kinds) > 1 {
			kinds[i] = fmt.Sprintf("%d %s", r.Failures[kind], kind)
		}
	}
	return strings.Join(kinds, ", ")
}

// Details say the rest, a sentence each.
func (r Result) Details() []string {
	var out []string
	switch {
	case r.TookOver != "":
		out = append(out, fmt.Sprintf("%s took the VIP over after %s", r.TookOver, span(r.Takeover)))
	case r.Held:
		out = append(out, "the VIP stayed where it was")
	default:
		out = append(out, "the broken node did not hold the VIP")
	}
	if r.Back > 0 {
		out = append(out, fmt.Sprintf("%s holds it again after %s", r.Node, span(r.Back)))
	}
	if r.TwoHolders > 0 {
		out = append(out, fmt.Sprintf("two nodes held it for %s", span(r.TwoHolders)))
	}
	out = append(out, r.streams())
	if r.Mended > 0 {
		out = append(out, fmt.Sprintf("put back after %s by %s", span(r.Mended), r.MendedBy))
	}
	switch {
	case r.Well > 0:
		out = append(out, fmt.Sprintf("all proven again after %s", span(r.Well)))
	case r.Stopped:
		out = append(out, "not checked again (interrupted)")
	default:
		out = append(out, "NOT proven again")
	}
	for _, n := range r.Blind {
		out = append(out, n+" kept no record of the VIP")
	}
	if r.Stalled > noticeable || r.Calm > noticeable {
		out = append(out, fmt.Sprintf("the machines are busy: without an answer for %s before anything was broken, and the clients began no connection for %s; no figure is better than that",
			span(r.Calm), span(r.Stalled)))
	}
	return out
}

func (r Result) streams() string {
	if r.Broken == 0 {
		return fmt.Sprintf("no held connection of %d broke", r.HeldConnections)
	}
	times := "1 time"
	if r.Broken > 1 {
		times = fmt.Sprintf("%d times", r.Broken)
	}
	out := fmt.Sprintf("held connections broke %s (of %d): noticed after %s at most, answered again after %s",
		times, r.HeldConnections, span(r.Noticed), span(r.AnsweredAgain))
	if r.NotBack > 0 {
		out += fmt.Sprintf(", %d not at all", r.NotBack)
	}
	return out
}
