//go:build failover

package failover

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/kplb/kplb/lab/machines"
)

// ask asks the HAProxy of a node.
func (f *field) ask(n, what string) (string, error) {
	init, err := f.init(n)
	if err != nil {
		return "", err
	}
	conn, err := net.DialTimeout("unix", filepath.Join("/proc", init, "root/run/haproxy/admin.sock"), time.Second)
	if err != nil {
		return "", err
	}
	defer conn.Close() //nolint:errcheck // it has been read
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	if _, err := fmt.Fprintln(conn, what); err != nil {
		return "", err
	}
	said, err := io.ReadAll(conn)
	return string(said), err
}

// servers is what the HAProxy of a node thinks of each apiserver.
func (f *field) servers(n string) (map[string]string, error) {
	said, err := f.ask(n, "show stat")
	if err != nil {
		return nil, err
	}
	r := csv.NewReader(strings.NewReader(said))
	r.FieldsPerRecord = -1
	rows, err := r.ReadAll()
	if err != nil || len(rows) == 0 {
		return nil, errors.Join(err, errors.New("show stat has no rows"))
	}
	status := slices.Index(rows[0], "status")
	out := map[string]string{}
	for _, row := range rows {
		if number, is := strings.CutPrefix(row[min(1, len(row)-1)], "kubernetes-node-"); is && status >= 0 && status < len(row) {
			out[number] = row[status]
		}
	}
	return out, nil
}

// worker is the process of HAProxy that answers, by a pid of the node's own.
func (f *field) worker(n string) (string, error) {
	said, err := f.ask(n, "show info")
	_, after, _ := strings.Cut(said, "\nPid: ")
	pid, _, found := strings.Cut(after, "\n")
	if err == nil && !found {
		err = errors.New("show info has no pid")
	}
	return pid, err
}

// reload has every HAProxy forget what was, when all apiservers can be
// reached: a server that has come back would get few connections for half a
// minute (slowstart), and a fault that hits it be noticed by few.
func (f *field) reload() error {
	for _, n := range machines.Nodes {
		conn, err := net.DialTimeout("tcp", net.JoinHostPort("10.1.1."+n, "6443"), time.Second)
		if err != nil {
			return err
		}
		_ = conn.Close() // it was there
	}
	for _, n := range machines.Nodes {
		before, err := f.worker(n)
		if err != nil {
			return err
		}
		if err := f.on(n, "systemctl reload haproxy"); err != nil {
			return err
		}
		for end := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
			if now, err := f.worker(n); err == nil && now != before {
				break
			}
			if time.Now().After(end) {
				return fmt.Errorf("node %s: haproxy has no new worker 10 s after its reload", n)
			}
		}
	}
	return nil
}
