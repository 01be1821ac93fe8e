//go:build restarts

package restart

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/kplb/kplb/lab/machines"
)

// restart is one restart of an apiserver, as seen from outside. Durations begin
// with the first change of the manifest.
type restart struct {
	node                         string
	closed, gone, listens, ready time.Duration
}

// observer looks at the apiserver of each node until end is called.
type observer struct {
	stop chan struct{}
	done sync.WaitGroup
	mu   sync.Mutex
	seen []restart
}

func (c *cluster) observe() *observer {
	c.Helper()
	o := &observer{stop: make(chan struct{})}
	for _, node := range machines.Nodes {
		init, err := c.Init(node)
		if err != nil {
			c.Fatal(err)
		}
		o.done.Go(func() {
			if err := c.Enter(); err != nil {
				c.Error(err)
				return
			}
			o.watch(node, init)
		})
	}
	return o
}

func (o *observer) end() []restart {
	close(o.stop)
	o.done.Wait()
	return o.seen
}

func (o *observer) over() bool {
	select {
	case <-o.stop:
		return true
	case <-time.After(20 * time.Millisecond):
		return false
	}
}

// watch follows one restart after the other.
func (o *observer) watch(node, init string) {
	manifest := filepath.Join("/proc", init, "root/etc/kubernetes/manifests/kube-apiserver.yaml")
	at := "10.1.1." + node + ":6443"
	for {
		before, process := identity(manifest), apiserver(init)
		for identity(manifest) == before {
			if o.over() {
				return
			}
		}
		began := time.Now()
		r := restart{node: node}
		// what is asked is asked often: each answer is an end
		for _, phase := range []struct {
			took *time.Duration
			is   func() bool
		}{
			{&r.closed, func() bool { return !listens(at) }},
			{&r.gone, func() bool { return !exists(process) }},
			{&r.listens, func() bool { return listens(at) }},
			{&r.ready, func() bool { return isReady(at) }},
		} {
			for !phase.is() {
				if time.Since(began) > 2*time.Minute || o.over() {
					break
				}
				time.Sleep(80 * time.Millisecond) // whoever is asked has work to do
			}
			*phase.took = time.Since(began)
		}
		o.mu.Lock()
		o.seen = append(o.seen, r)
		o.mu.Unlock()
	}
}

// identity of a file: another one has been renamed to its place, or it has been
// written.
func identity(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return ""
	}
	return info.ModTime().String() + fileNumber(info)
}

func listens(at string) bool {
	conn, err := net.DialTimeout("tcp", at, time.Second)
	if err != nil {
		return false
	}
	_ = conn.Close() // it was only to be opened
	return true
}

func isReady(at string) bool {
	conn, err := net.DialTimeout("tcp", at, time.Second)
	if err != nil {
		return false
	}
	defer conn.Close() //nolint:errcheck // it has answered
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialTLSContext: func(context.Context, string, string) (net.Conn, error) {
		return tls.Client(conn, &tls.Config{InsecureSkipVerify: true}), nil
	}}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+at+"/readyz", nil)
	if err != nil {
		return false
	}
	response, err := client.Do(request)
	if err != nil {
		return false
	}
	_ = response.Body.Close() // the status is all
	return response.StatusCode == http.StatusOK
}

// apiserver finds the process in the node's network: its directory in /proc.
func apiserver(init string) string {
	network, _ := os.Readlink(filepath.Join("/proc", init, "ns/net"))
	all, _ := filepath.Glob("/proc/[0-9]*/comm")
	for _, comm := range all {
		name, err := os.ReadFile(comm)
		if err != nil || strings.TrimSpace(string(name)) != "kube-apiserver" {
			continue
		}
		if in, _ := os.Readlink(filepath.Join(filepath.Dir(comm), "ns/net")); in == network {
			return filepath.Dir(comm)
		}
	}
	return ""
}

// exists says whether a process is still at work: one that nobody has waited for
// is not.
func exists(process string) bool {
	stat, err := os.ReadFile(filepath.Join(process, "stat"))
	return err == nil && !strings.Contains(string(stat), ") Z ")
}
