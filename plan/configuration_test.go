package plan

import (
	"testing"

	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/render"
)

// reads has haproxy.service started with these files.
func reads(f *node.Facts, args ...string) {
	set(f, "haproxy.service", func(u *node.Unit) { u.MainPID = 500 })
	f.Processes = append(f.Processes, node.Process{PID: 500, Name: "haproxy", Args: append([]string{"haproxy", "-Ws"}, args...)})
}

// TestBesides: what other files have HAProxy do goes on with kplb's settings, which
// nobody is surprised by.
func TestBesides(t *testing.T) {
	t.Parallel()
	in := inputOf(t, home)
	facts := all(t, in, freshOf)
	f := facts["node-2"]
	active(f)
	reads(f, "-f", "/etc/haproxy/haproxy.cfg", "-f", "/etc/haproxy/conf.d", "-f", "/srv/more.cfg", "-f", "/etc/empty.cfg")
	put(f, "/etc/haproxy/conf.d/web.cfg", 0o644, []byte("listen web\n    bind *:80\n"))
	put(f, "/etc/haproxy/conf.d/README", 0o644, []byte("listen not\n    bind *:81\n"))
	put(f, "/etc/empty.cfg", 0o644, nil)
	p, err := Make(in.with(facts))
	says(t, err, "")
	says(t, p.RefuseForeign(), "node-2: haproxy goes on listening on *:80 (listen web), of /etc/haproxy/conf.d/web.cfg, but with the settings of kplb's haproxy.cfg\n"+
		"node-2: haproxy reads /srv/more.cfg with the settings of kplb's haproxy.cfg")

	facts = all(t, in, applied) // it was said once
	reads(facts["node-2"], "-f", "/etc/haproxy/haproxy.cfg", "-f", "/srv/more.cfg")
	edit(facts["node-2"], render.HAProxyPath, "retries 3", "retries 4")
	p, err = Make(in.with(facts))
	says(t, err, "")
	says(t, p.RefuseForeign(), "")
}

// TestBesidesWorker: a worker's HAProxy has addresses of its own.
func TestBesidesWorker(t *testing.T) {
	t.Parallel()
	in, facts := balancedInput(t, justJoined)
	f := facts[theWorker]
	reads(f, "-f", "/etc/haproxy/haproxy.cfg", "-f", "/etc/haproxy/k.cfg")
	put(f, "/etc/haproxy/k.cfg", 0o644, []byte("listen k\n    bind 127.0.0.1:7443\n    bind *:6443\n"))
	_, err := Make(in.with(facts))
	says(t, err, "worker-1: /etc/haproxy/k.cfg has haproxy listening on 127.0.0.1:7443 (listen k), as kplb's haproxy.cfg does")
}
