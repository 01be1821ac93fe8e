//go:build bench

package bench

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/kplb/kplb/lab/machines"
)

const (
	far   = 3 // times that a delay is tried
	steps = 3 // delays
	step  = 40 * time.Millisecond
)

// roundTrips puts one node at the end of a long cable and finds out how much
// later things happen there with every millisecond more: the slope is the
// number of round trips, whatever else takes time.
func (b *bench) roundTrips() {
	node := b.spare()
	var nothing, placed, changed, all points
	for i := range steps {
		delay := time.Duration(i+1) * step
		for range far {
			config := b.cable(node, delay)
			nothing.add(delay, b.apply(config, b.old).wall)
			told := b.watch(node, config, b.young)
			placed.add(delay, told.placed)
			changed.add(delay, told.changed)
			all.add(delay, told.all)
			b.apply("", b.old)
		}
	}
	say := func(what, limit string, p points, most float64) {
		trips := p.slope() + 1 // the handshake of TCP, which a relay does not delay
		b.table.figure(what, limit, fmt.Sprintf("%.1f", trips), trips <= most)
	}
	say("round trips of a node, files installed (lock and checks included)", "<= 10", placed, 10.5)
	say("round trips of a node, files installed and daemons reloaded", "", changed, 0)
	say("round trips of a node, whole apply of a change, 2 connections", "", all, 0)
	say("round trips of a node, nothing to do", "", nothing, 0)
}

// spare is a node that does not hold the VIP.
func (b *bench) spare() string {
	holders := b.Holders(vip)
	for _, n := range machines.Nodes {
		if !slices.Contains(holders, n) {
			return n
		}
	}
	b.t.Fatal("every node holds the VIP")
	return ""
}

// cable makes a relay to a node and gives an ssh_config that uses it.
func (b *bench) cable(node string, roundTrip time.Duration) string {
	address := "10.1.1." + node
	r, err := machines.NewRelay(b.Lab, address+":22", roundTrip/2)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = r.Close() })
	plain, err := os.ReadFile(b.State("ssh_config"))
	if err != nil {
		b.t.Fatal(err)
	}
	_, port, _ := strings.Cut(r.Addr().String(), ":")
	file := filepath.Join(b.dir, "ssh_config-"+port)
	text := fmt.Sprintf("Host %s\n  HostName 127.0.0.1\n  Port %s\n  HostKeyAlias %s\n%s", address, port, address, plain)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		b.t.Fatal(err)
	}
	return file
}

// told is when things happened on a node, as kplb says.
type told struct{ placed, changed, all time.Duration }

func (b *bench) watch(node, config, templates string) told {
	cmd := b.kplbCommand(config, templates)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		b.t.Fatal(err)
	}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	var out told
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		switch line := lines.Text(); {
		case strings.HasSuffix(line, nodeName(node)+": haproxy and keepalived"):
			out.placed = time.Since(began)
		case strings.HasSuffix(line, nodeName(node)+": changed"):
			out.changed = time.Since(began)
		}
	}
	if err := cmd.Wait(); err != nil || out.placed == 0 || out.changed == 0 {
		b.t.Fatalf("apply through the relay: %v, %+v", err, out)
	}
	out.all = time.Since(began)
	return out
}

// points are what was measured with a delay.
type points []struct{ delay, took time.Duration }

func (p *points) add(delay, took time.Duration) {
	*p = append(*p, struct{ delay, took time.Duration }{delay, took})
}

// slope is that of the line through the fastest run of every delay: load only
// ever adds.
func (p points) slope() float64 {
	fastest := map[time.Duration]time.Duration{}
	for _, x := range p {
		if was, ok := fastest[x.delay]; !ok || x.took < was {
			fastest[x.delay] = x.took
		}
	}
	var n, sx, sy, sxx, sxy float64
	for delay, took := range fastest {
		x, y := delay.Seconds(), took.Seconds()
		n, sx, sy, sxx, sxy = n+1, sx+x, sy+y, sxx+x*x, sxy+x*y
	}
	return (n*sxy - sx*sy) / (n*sxx - sx*sx)
}
