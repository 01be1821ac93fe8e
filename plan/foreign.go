package plan

import (
	"slices"

	"github.com/kplb/kplb/foreign"
	"github.com/kplb/kplb/haproxy"
	"github.com/kplb/kplb/keepalived"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/render"
)

// A configuration that kplb has not written and that serves or holds something is
// foreign. What it does ends when kplb replaces it, unless kplb's own file does the
// same. Settings alone, as the packages install them, are not foreign.

// findForeign finds the foreign configurations that the plan replaces, and what
// ends with them.
func (in *Input) findForeign(p *NodePlan) {
	f := in.Facts[p.Node.Name]
	for _, c := range p.Changes {
		if c.Path == render.HAProxyPath && (c.Was == nil || c.Stamp == render.Unstamped) {
			p.endBesides(f)
		}
		if c.Was == nil || c.Stamp != render.Unstamped {
			continue
		}
		switch c.Path {
		case render.HAProxyPath:
			serves := haproxy.Parse(c.Was.Content).Serves()
			p.replaces(c.Path, len(serves) > 0)
			in.endServed(p, serves, haproxy.Parse(c.after()).Serves(), idle(f, "haproxy"))
		case render.KeepalivedPath:
			holds := foreign.HeldBy(f, c.Path, c.Was.Content)
			p.replaces(c.Path, len(holds) > 0)
			p.endHeld(holds, keepalived.Parse(c.after()).Holds(), idle(f, "keepalived"))
		}
	}
}

func (n *NodePlan) replaces(path string, foreign bool) {
	if foreign {
		n.foreign = append(n.foreign, path)
	}
}

// after is the content of the file afterwards.
func (c Change) after() []byte {
	if c.Remove {
		return nil
	}
	return c.Content
}

// idle is what is said of a daemon that does not run.
func idle(f *node.Facts, daemon string) string {
	if f.Units[daemon+".service"].Active == "active" {
		return ""
	}
	return "; it does not run now"
}

// endServed adds what haproxy no longer does.
func (in *Input) endServed(p *NodePlan, was, now []haproxy.Served, idle string) {
	for _, s := range was {
		if !s.CarriedOn(now) && !in.answersAt(p, s) {
			p.ends = append(p.ends, "haproxy "+s.String()+idle)
		}
	}
}

// answersAt says whether the apiservers answer where HAProxy has listened: at the
// apiserver's port of a VIP, or of every address, because the node's own apiserver has
// that port at the others.
func (in *Input) answersAt(p *NodePlan, s haproxy.Served) bool {
	if in.Target != ToInventory || p.Leaving || p.Node.Worker {
		return false
	}
	return s.ListensEverywhere(in.Cluster.Port) || slices.ContainsFunc(in.Cluster.Entrances(), s.ListensAt)
}

// endHeld adds what keepalived no longer has or does.
func (n *NodePlan) endHeld(was, now []keepalived.Held, idle string) {
	for _, h := range was {
		if line := "keepalived " + h.String() + idle; !h.CarriedOn(now) && !slices.Contains(n.ends, line) {
			n.ends = append(n.ends, line)
		}
	}
}

// endBesides adds what other files of HAProxy's lose or share when its haproxy.cfg
// becomes kplb's.
func (n *NodePlan) endBesides(f *node.Facts) {
	for _, o := range foreign.Besides(f) {
		for _, s := range o.Serves {
			if n.HAProxy == node.Stop {
				n.ends = append(n.ends, "haproxy "+s.String()+", of "+o.Path)
			} else {
				n.ends = append(n.ends, "haproxy goes on "+s.Doing+" ("+s.Section+"), of "+o.Path+", but with the settings of kplb's haproxy.cfg")
			}
		}
		if !o.Read {
			n.ends = append(n.ends, "haproxy reads "+o.Path+" with the settings of kplb's haproxy.cfg")
		}
	}
}

// foreignConfiguration says what ends, and what kplb carries on.
func (c *consequences) foreignConfiguration(n NodePlan) {
	for _, end := range n.ends {
		c.say("%s", end)
	}
	if len(n.ends) > 0 {
		return
	}
	for _, file := range n.foreign {
		c.say("%s was not written by kplb; what it is for goes on with kplb's", file)
	}
}

// Ends lists what foreign configurations do now, and nothing does afterwards.
func (n NodePlan) Ends() []string { return slices.Clone(n.ends) }
