package inventory

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kplb/kplb/source"
)

const someCluster = `apiVersion: kplb/v1alpha1
kind: Cluster
name: home
vip: 10.1.233.1
nodes:
  - name: a
    address: 10.1.1.1
  - {name: b, address: 10.1.1.2, ssh: {user: root}}
`

func mustParse(t *testing.T, data string) *Cluster {
	t.Helper()
	cluster, err := Parse("f", []byte(data))
	if err != nil {
		t.Fatal(err)
	}
	return cluster
}

func TestPosition(t *testing.T) {
	t.Parallel()
	cluster := mustParse(t, someCluster)
	for path, want := range map[string]string{
		"":                          "f:1:1",
		"vip":                       "f:4:6",
		"nodes":                     "f:6:3",
		"nodes[0]":                  "f:6:5",
		"nodes[0].address":          "f:7:14",
		"nodes[1].ssh.user":         "f:8:46",
		"nodes[1].ssh.port":         "f:8:39",
		"nodes[0].ssh.port":         "f:6:5",
		"nodes[7].address":          "f:6:3",
		"haproxy.timeouts.connect":  "f:1:1",
		"[":                         "f:1:1",
		"nodes[1].ssh.proxyJump[3]": "f:8:39",
	} {
		if got := cluster.Positions.Of(path).String(); got != want {
			t.Errorf("Position(%q) = %s, want %s", path, got, want)
		}
	}
	if got := (&Cluster{}).Positions.Of("vip"); got != (source.Position{}) {
		t.Errorf("got %v of a cluster that is not from a file", got)
	}
}

// TestEveryNodeSize: an even number of nodes, one, two and the most are fine,
// and all priorities differ and stay in range, whatever is chosen by hand.
func TestEveryNodeSize(t *testing.T) {
	t.Parallel()
	for size := 1; size <= mostNodes; size++ {
		for _, chosen := range []int{0, 10, 250, 254} {
			var b strings.Builder
			b.WriteString("apiVersion: kplb/v1alpha1\nkind: Cluster\nname: home\nvip: 10.1.233.1\nnodes:\n")
			for i := 1; i <= size; i++ {
				fmt.Fprintf(&b, "  - {name: n%d, address: 10.1.1.%d", i, i)
				if chosen > 0 && i == size {
					fmt.Fprintf(&b, ", priority: %d", chosen)
				}
				b.WriteString("}\n")
			}
			seen := map[int]bool{}
			for _, n := range mustParse(t, b.String()).Nodes {
				if n.Priority < 1 || n.Priority > 254 || seen[n.Priority] {
					t.Errorf("%d nodes, %d chosen: priority %d is out of range or twice", size, chosen, n.Priority)
				}
				seen[n.Priority] = true
			}
		}
	}
}

func TestDefaultRouterID(t *testing.T) {
	t.Parallel()
	seen := map[int]bool{}
	for i := range 10000 {
		id := defaultRouterID(fmt.Sprintf("cluster-%d", i))
		if id < 1 || id > 255 || id == 51 {
			t.Fatalf("router ID %d", id)
		}
		seen[id] = true
	}
	if len(seen) != 254 {
		t.Errorf("%d different router IDs, want 254", len(seen))
	}
	// On nodes in service this must not change with a new kplb.
	if got := defaultRouterID("home"); got != 218 {
		t.Errorf("home has router ID %d, want 218", got)
	}
}

// TestLargeFiles: the worst files below the size limit are refused in good time.
func TestLargeFiles(t *testing.T) {
	t.Parallel()
	const size = 1 << 15
	var keys strings.Builder
	for i := 0; keys.Len() < size; i++ {
		fmt.Fprintf(&keys, "k%05d: 1\n", i)
	}
	for name, data := range map[string]string{
		"brackets":  strings.Repeat("[", size),
		"braces":    strings.Repeat("{a: ", size/4),
		"dashes":    strings.Repeat("- ", size/2),
		"questions": strings.Repeat("? ", size/2),
		"keys":      keys.String(),
		"same key":  strings.Repeat("a: 1\n", size/5),
		"aliases":   "a: &a x\nb: [" + strings.Repeat("*a,", size/3) + "]",
		"nodes":     "nodes:\n" + strings.Repeat("- {name: a}\n", size/12),
		"jumps":     "ssh: {proxyJump: '" + strings.Repeat(",", size) + "'}",
		"one value": "name: " + strings.Repeat("x", size),
		"controls":  strings.Repeat("\x01", size),
		"documents": strings.Repeat("---\n", size/4),
		"too large": strings.Repeat("# x\n", source.MaxSize/4+1),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			used := threadTime(t)
			_, err := Parse("f", []byte(data))
			if took := threadTime(t) - used; took > 5*time.Second {
				t.Errorf("took %v", took)
			}
			var problems source.Problems
			ok := errors.As(err, &problems)
			if !ok || len(problems) > source.MaxProblems+1 {
				t.Errorf("got %d problems (%T)", len(problems), err)
			}
			checkRefusal(t, name, "", err, 0)
		})
	}
}

func TestExcerpt(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, file, want string }{
		{
			"a caret below each problem",
			strings.Replace(someCluster, "name: b,", "name: B,", 1) + "\tx",
			"f:9:1: a character stands where no value can begin (a tab, %, @ or `); indent with spaces, and put such a value in quotes\n" +
				"    \tx\n    ^\n",
		},
		{
			"columns count characters",
			strings.Replace(someCluster, "  - {name: b,", "  - {\"é\": 1, name: B,", 1),
			`f:8:6: key "\u00e9" is not known here; write one of: name, address, interface, priority, ssh, labels` + "\n" +
				"      - {\"é\": 1, name: B, address: 10.1.1.2, ssh:\n         ^\n" +
				`f:8:20: nodes[1].name "B" is not an RFC 1123 subdomain; write b` + "\n" +
				"      - {\"é\": 1, name: B, address: 10.1.1.2, ssh: {user: root}}\n                       ^\n",
		},
		{
			"a line with a secret is left out",
			someCluster + "vrrp: {version: 2, auth: k8sVip51, oops: 3}\n",
			"f:9:26: vrrp.auth holds a secret in the clear; " + authHint + "\n" +
				"f:9:36: key \"oops\" is not known here; write one of: version, virtualRouterID, advertInterval, auth, mode, failback, extra\n",
		},
		{
			"and all after it",
			someCluster + "vrrp: {version: 2, auth: \"k8s\n Vip51\", oops: 3}\nport: 0\n",
			"f:9:26: vrrp.auth holds a secret in the clear; " + authHint + "\n" +
				"f:10:10: key \"oops\" is not known here; write one of: version, virtualRouterID, advertInterval, auth, mode, failback, extra\n" +
				"f:11:7: port 0 is below 1; write a whole number from 1 to 65535\n",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := Parse("f", []byte(c.file))
			var problems source.Problems
			errors.As(err, &problems)
			if diff := cmp.Diff(c.want, problems.Excerpt([]byte(c.file))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestNoSecretIsEchoed looks at all bad files that hold one.
func TestNoSecretIsEchoed(t *testing.T) {
	t.Parallel()
	for _, name := range files(t, "../testdata/inventory/bad/*.yaml") {
		data := contents(t, name)
		_, err := Parse(name, data)
		var problems source.Problems
		errors.As(err, &problems)
		said := problems.Excerpt(data)
		for _, secret := range []string{"k8sVip51", "Vip51", "hunter2", "12345678"} {
			if strings.Contains(said, secret) {
				t.Errorf("%s: the secret is echoed:\n%s", name, said)
			}
		}
	}
}

// threadTime is what the calling goroutine has used of the processor: a busy
// machine is no reason for a test to fail.
func threadTime(t *testing.T) time.Duration {
	t.Helper()
	runtime.LockOSThread() // and never unlocked: the thread ends with the test
	const ofThread = 1     // RUSAGE_THREAD, which package syscall does not name
	var u syscall.Rusage
	if err := syscall.Getrusage(ofThread, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
