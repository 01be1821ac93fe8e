//go:build restarts

package restart

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// What the clients of a cluster do here.
const (
	callers   = 2   // make one new connection after the other
	held      = 10  // connections that are used every 2 s
	listers   = 2   // read a list that takes them 2 s, over a connection that they keep
	creators  = 1   // create objects one after the other, over a connection that they keep
	objects   = 100 // of each kubectl apply
	listTakes = 2 * time.Second
)

// noticed is what clients of the VIP noticed of two changes of exposure, which
// restart six apiservers.
type noticed struct {
	made, failed       int64 // new connections
	broken             int64 // held ones
	lists, listsNo     int64
	creates, noCreates int64
	retried            int64 // lists and creates that were sent again, see retry_test.go
	applies, noApplies int64
	watches, streams   int64 // times that kubectl had to begin anew
	elections          int   // changes of the leaders of controller-manager and scheduler
	containers         int   // restarts of other static pods' containers
	first, firstRetry  atomic.Value
}

func (n *noticed) fail(counter *int64, what string, err error) {
	atomic.AddInt64(counter, 1)
	n.first.CompareAndSwap(nil, what+": "+err.Error())
}

// whileUsed has clients at work while something is done.
func (c *cluster) whileUsed(do func()) *noticed {
	c.Helper()
	n := &noticed{}
	if os.Getenv("RESTARTS_CLIENTS") == "no" {
		do()
		return n
	}
	leaders, containers := c.leaders(), c.containers()
	load, err := c.Load(vip+":6443", callers, held)
	if err != nil {
		c.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	for range listers {
		all.Go(func() { c.list(ctx, n) })
	}
	for i := range creators {
		all.Go(func() { c.create(ctx, n, i) })
	}
	all.Go(func() { c.apply(ctx, n) })
	all.Go(func() {
		c.again(ctx, &n.watches, "-n", "kube-public", "get", "configmaps", "--watch-only", "-o", "name")
	})
	all.Go(func() {
		c.again(ctx, &n.streams, "-n", "kube-system", "logs", "--follow", "--tail", "1", "etcd-kubernetes-node-2")
	})
	do()
	load.Stop()
	cancel()
	all.Wait()
	n.made, n.failed, n.broken = load.Made.Load(), load.Failed.Load(), load.Broken.Load()
	if first := load.First.Load(); first != nil {
		n.first.CompareAndSwap(nil, first)
	}
	n.elections, n.containers = c.leaders()-leaders, c.containers()-containers
	return n
}

// client keeps its connections, as client-go does, and speaks HTTP/2.
func (c *cluster) client() *http.Client {
	config := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: x509.NewCertPool()}
	admin, err := os.ReadFile(c.State("admin.conf"))
	if err != nil {
		c.Error(err)
	}
	field := func(name string) []byte {
		found := regexp.MustCompile(name + `: (\S+)`).FindSubmatch(admin)
		if found == nil {
			c.Errorf("admin.conf has no %s", name)
			return nil
		}
		data, _ := base64.StdEncoding.DecodeString(string(found[1]))
		return data
	}
	config.RootCAs.AppendCertsFromPEM(field("certificate-authority-data"))
	pair, err := tls.X509KeyPair(field("client-certificate-data"), field("client-key-data"))
	if err != nil {
		c.Error(err)
	}
	config.Certificates = []tls.Certificate{pair}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true, DialContext: c.dialInside}}
}

// dialInside makes a connection in the operator's network.
func (c *cluster) dialInside(ctx context.Context, network, address string) (net.Conn, error) {
	type result struct {
		conn net.Conn
		err  error
	}
	dialed := make(chan result, 1)
	go func() {
		if err := c.Enter(); err != nil {
			dialed <- result{nil, err}
			return
		}
		conn, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, network, address)
		dialed <- result{conn, err}
	}()
	r := <-dialed
	return r.conn, r.err
}

// fill makes a list that is worth reading: 250 ConfigMaps of 4 KiB.
func (c *cluster) fill() {
	c.Helper()
	var text bytes.Buffer
	for i := range 250 {
		fmt.Fprintf(&text, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: list-%d, namespace: kube-public}\ndata: {text: %q}\n---\n", i, strings.Repeat("x", 4096))
	}
	if out, err := c.kubectl(context.Background(), &text, "10.1.1.1", "create", "-f", "-").CombinedOutput(); err != nil {
		c.Fatalf("%v: %s", err, out)
	}
}

// list reads a long list as slowly as it takes 2 s, again and again. It is one
// request: what serves it has to be there until its end.
func (c *cluster) list(ctx context.Context, n *noticed) {
	client := c.client()
	for ctx.Err() == nil {
		atomic.AddInt64(&n.lists, 1)
		if err := n.listOnce(ctx, client); err != nil && ctx.Err() == nil {
			n.fail(&n.listsNo, "a list", err)
		}
	}
}

func (n *noticed) listOnce(ctx context.Context, client *http.Client) error {
	response, err := n.do(ctx, client, http.MethodGet, "https://"+vip+":6443/api/v1/namespaces/kube-public/configmaps", "")
	if err != nil {
		return err
	}
	defer response.Body.Close() //nolint:errcheck // it has been read
	const pieces = 20
	for range pieces {
		if _, err := io.CopyN(io.Discard, response.Body, 1<<20/pieces); err != nil {
			return fmt.Errorf("its body: %w", err)
		}
		time.Sleep(listTakes / pieces)
	}
	_, err = io.Copy(io.Discard, response.Body)
	return err
}

// create makes objects that have not been there.
func (c *cluster) create(ctx context.Context, n *noticed, who int) {
	client := c.client()
	for i := 0; ctx.Err() == nil; i++ {
		body := fmt.Sprintf(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"create-%d-%d-%d"}}`, time.Now().UnixNano(), who, i)
		atomic.AddInt64(&n.creates, 1)
		response, err := n.do(ctx, client, http.MethodPost, "https://"+vip+":6443/api/v1/namespaces/default/configmaps", body)
		if err == nil {
			_, _ = io.Copy(io.Discard, response.Body)
			_ = response.Body.Close()
		} else if ctx.Err() == nil {
			n.fail(&n.noCreates, "a create", err)
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// apply has kubectl apply objects, which it does one after the other.
func (c *cluster) apply(ctx context.Context, n *noticed) {
	for i := 0; ctx.Err() == nil; i++ {
		var text bytes.Buffer
		for o := range objects {
			fmt.Fprintf(&text, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: apply-%d}\ndata: {round: %q}\n---\n", o, strconv.Itoa(i))
		}
		atomic.AddInt64(&n.applies, 1)
		if out, err := c.kubectl(ctx, &text, vip, "apply", "-f", "-").CombinedOutput(); err != nil && ctx.Err() == nil {
			n.fail(&n.noApplies, "kubectl apply", fmt.Errorf("%w: %.500s", err, lastLine(out)))
		}
		select {
		case <-ctx.Done():
		case <-time.After(8 * time.Second):
		}
	}
}

// again runs a kubectl that should not end, and counts how often it did.
func (c *cluster) again(ctx context.Context, counter *int64, args ...string) {
	for ctx.Err() == nil {
		_ = c.kubectl(ctx, nil, vip, args...).Run() // its end is counted
		if ctx.Err() == nil {
			atomic.AddInt64(counter, 1)
			time.Sleep(time.Second)
		}
	}
}

func lastLine(text []byte) string {
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return lines[len(lines)-1]
}

// leaders is how often controller-manager and scheduler have had another leader.
func (c *cluster) leaders() int {
	c.Helper()
	return c.sum("-n", "kube-system", "get", "lease", "kube-controller-manager", "kube-scheduler", "-o", "jsonpath={.items[*].spec.leaseTransitions}")
}

// containers is how often containers of the control plane were restarted in
// their pods: an apiserver whose manifest changes is another pod.
func (c *cluster) containers() int {
	c.Helper()
	return c.sum("-n", "kube-system", "get", "pods", "-l", "tier=control-plane", "-o", "jsonpath={.items[*].status.containerStatuses[*].restartCount}")
}

func (c *cluster) sum(args ...string) int {
	c.Helper()
	var out []byte
	var err error
	for range 10 { // an apiserver is restarted meanwhile, perhaps
		if out, err = c.kubectl(context.Background(), nil, "10.1.1.1", args...).Output(); err == nil {
			break
		}
		time.Sleep(time.Second)
	}
	if err != nil {
		c.Fatalf("kubectl %v: %v", args, err)
	}
	total := 0
	for _, word := range strings.Fields(string(out)) {
		var number int
		if _, err := fmt.Sscan(word, &number); err != nil {
			c.Fatalf("kubectl %v: %s", args, out)
		}
		total += number
	}
	return total
}
