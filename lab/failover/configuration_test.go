//go:build failover

package failover

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kplb/kplb/lab/machines"
)

const vip = "10.1.233.1"

// configuration is one way to set a control plane up.
type configuration struct {
	name, title string
	profile     string // kplb's; empty: written by hand
	port        string // that clients use
	prefers     string // the node that has the VIP when all is well; empty: whoever it is
	bind        bool   // the apiservers listen on their nodes' addresses
}

var configurations = []configuration{
	{name: "default", title: "kplb, `profile: default`", profile: "default", port: "6443"},
	{name: "fast", title: "kplb, `profile: fast`", profile: "fast", port: "6443"},
	{name: "pi", title: "kplb, `profile: pi`", profile: "pi", port: "6443"},
	{name: "tutorial", title: "the tutorial, by hand", port: "6443", prefers: "1", bind: true},
	{name: "kubeadm-guide", title: "kubeadm's guide, by hand", port: "8443", prefers: "1"},
}

func allConfigurations() string {
	names := make([]string, 0, len(configurations))
	for _, c := range configurations {
		names = append(names, c.name)
	}
	return strings.Join(names, ",")
}

func configurationNamed(name string) (configuration, bool) {
	i := slices.IndexFunc(configurations, func(c configuration) bool { return c.name == name })
	if i < 0 {
		return configuration{}, false
	}
	return configurations[i], true
}

// inventory writes a configuration's own, and says whether this kplb knows it:
// one that knows no profile has its defaults, and nothing else.
func (c configuration) inventory(s *stage) (string, bool) {
	if c.profile == "" {
		return "", true
	}
	text, err := os.ReadFile(filepath.Join(s.root, "examples/lab.yaml"))
	if err != nil {
		s.t.Error(err)
		return "", false
	}
	file := filepath.Join(s.dir, c.name+".yaml")
	renders := func(text string) (string, error) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			return "", err
		}
		out, err := exec.CommandContext(s.t.Context(), s.kplb, "render", "-i", file).CombinedOutput()
		return string(out), err
	}
	said, err := renders(string(text) + "profile: " + c.profile + "\n")
	switch {
	case err == nil:
		return file, true
	case !strings.Contains(said, "profile"):
		s.t.Errorf("%s: kplb render: %v\n%s", c.name, err, said)
		return "", false
	case c.name != "default":
		s.t.Logf("%s is left out: this kplb does not know it: %s", c.name, said)
		return "", false
	}
	if said, err = renders(string(text)); err != nil {
		s.t.Errorf("%s: kplb render: %v\n%s", c.name, err, said)
	}
	return file, err == nil
}

// setUp has the nodes of a new lab configured.
func (f *field) setUp(inventory string) error {
	for _, n := range machines.Nodes {
		// what dies stays dead until the fault is over; a kubelet takes its time, too
		if err := f.write(n, "/etc/systemd/system/kube-apiserver-standin.service.d/failover.conf", "[Service]\nRestart=no\n", 0o644); err != nil {
			return err
		}
		if _, err := f.On(n, "systemctl daemon-reload"); err != nil {
			return err
		}
	}
	if f.c.profile != "" {
		return f.apply(inventory)
	}
	for _, n := range machines.Nodes {
		if err := f.byHand(n); err != nil {
			return err
		}
	}
	time.Sleep(10 * time.Second) // the guide's check counts when it has succeeded twice: the VIP moves until then
	return nil
}

// apply is kplb's, in this process's network.
func (f *field) apply(inventory string) error {
	cmd := exec.Command(os.Getenv("FAILOVER_KPLB"), "apply", "--yes", "--inventory", inventory)
	cmd.Env = append(os.Environ(), "KPLB_SSH_CONFIG="+f.State("ssh_config"))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("kplb apply: %w\n%s", err, out)
	}
	return nil
}

// byHand does to a node what people are told to do.
func (f *field) byHand(n string) error {
	files, err := os.ReadDir(filepath.Join("testdata", f.c.name))
	if err != nil {
		return err
	}
	state := map[string]string{"1": "MASTER"}[n]
	if state == "" {
		state = "BACKUP"
	}
	first := 101 // the guide's
	if f.c.name == "tutorial" {
		first = 100
	}
	priority := strconv.Itoa(first + 1 - atoi(n))
	for _, entry := range files {
		text, err := os.ReadFile(filepath.Join("testdata", f.c.name, entry.Name()))
		if err != nil {
			return err
		}
		to, mode := "/etc/keepalived/"+entry.Name(), os.FileMode(0o644)
		switch filepath.Ext(entry.Name()) {
		case ".cfg":
			to = "/etc/haproxy/" + entry.Name()
		case ".sh":
			mode = 0o755
		}
		if err := f.write(n, to, strings.NewReplacer("@NODE@", n, "@STATE@", state, "@PRIORITY@", priority).Replace(string(text)), mode); err != nil {
			return err
		}
	}
	steps := []string{
		"printf 'net.ipv4.ip_nonlocal_bind=1\\nnet.ipv4.ip_forward=1\\n' >/etc/sysctl.d/99-by-hand.conf",
		"sysctl -q -p /etc/sysctl.d/99-by-hand.conf",
		"systemctl enable -q haproxy keepalived",
	}
	if f.c.bind {
		m := "/etc/kubernetes/manifests/kube-apiserver.yaml"
		steps = append(steps, fmt.Sprintf("sed 's/^    - --advertise-address=.*/&\\n    - --bind-address=10.1.1.%s/' %s >/root/manifest && mv /root/manifest %s", n, m, m), "sleep 4")
	}
	_, err = f.On(n, strings.Join(append(steps, "systemctl restart haproxy keepalived"), " && "))
	return err
}

// write puts a file into a node.
func (f *field) write(n, path, text string, mode os.FileMode) error {
	from, err := os.CreateTemp("", "kplb-failover-*")
	if err != nil {
		return err
	}
	defer os.Remove(from.Name()) //nolint:errcheck // it has been copied
	if _, err := from.WriteString(text); err != nil {
		return err
	}
	if err := from.Close(); err != nil {
		return err
	}
	if _, err := f.On(n, "mkdir -p "+filepath.Dir(path)); err != nil {
		return err
	}
	return f.Put(n, from.Name(), path, mode)
}

// settled is how long nothing may have changed when all is well.
const settled = time.Second
