package workstation

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/plan"
	"github.com/kplb/kplb/render"
)

// Kubeconfigs are those of whoever runs kplb, on this machine. They belong to no plan:
// another operator has others.
type Kubeconfigs struct {
	Say   func(format string, args ...any) // is told what was changed, and what was not touched
	Paint func(diff string) string         // colours a diff, or does not
}

// kubeconfig is one of them, and what becomes of it.
type kubeconfig struct {
	path     string
	mode     fs.FileMode
	was, now []byte
}

// kubeconfigPaths are those that kubectl would use here.
func kubeconfigPaths() []string {
	if list := filepath.SplitList(os.Getenv("KUBECONFIG")); len(list) > 0 {
		return list
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return nil
	}
	return []string{filepath.Join(home, ".kube", "config")}
}

// edited plans an edit of the kubeconfigs. What cannot be read or edited is said, and
// stays.
func (k Kubeconfigs) edited(edit func(path string, source []byte) ([]byte, error)) []kubeconfig {
	var out []kubeconfig
	for _, path := range kubeconfigPaths() {
		info, err := os.Lstat(path)
		if err != nil {
			continue
		}
		if !info.Mode().IsRegular() {
			k.Say("this machine: %s is not a regular file: not touched, see where it points", path)
			continue
		}
		source, err := os.ReadFile(path)
		edited := source
		if err == nil {
			edited, err = edit(path, source)
		}
		switch {
		case errors.Is(err, plan.ErrOtherCluster):
		case err != nil:
			k.Say("this machine: %s %v: not touched", path, err)
		case !bytes.Equal(source, edited):
			out = append(out, kubeconfig{path, info.Mode().Perm(), source, edited})
		}
	}
	return out
}

// Move has kubectl on this machine go through the VIP, unless the inventory leaves the
// endpoint. Those of other clusters, which trust another CA than ca, stay.
func (k Kubeconfigs) Move(c *inventory.Cluster, ca []byte) error {
	if c.Endpoint == inventory.Leave {
		return nil
	}
	moves := k.edited(func(_ string, source []byte) ([]byte, error) { return plan.PointAtVIP(c, source, ca) })
	for _, m := range moves {
		kept, err := kept(c, m.path)
		if err == nil {
			err = keep(kept, m.was)
		}
		if err == nil {
			err = m.write()
		}
		if err != nil {
			return fmt.Errorf("this machine: %w", err)
		}
		k.sayMoved(m)
	}
	return nil
}

// MoveBack has it go where it went before Move.
func (k Kubeconfigs) MoveBack(c *inventory.Cluster, ca []byte) error {
	moves := k.edited(func(path string, source []byte) ([]byte, error) {
		kept, err := kept(c, path)
		if err != nil {
			return nil, err
		}
		was, err := os.ReadFile(kept)
		if errors.Is(err, fs.ErrNotExist) {
			return source, nil
		} else if err != nil {
			return nil, err
		}
		return kubeadm.EndpointsLikeIn(source, was, ca)
	})
	for _, m := range moves {
		if err := m.write(); err != nil {
			return fmt.Errorf("this machine: %w", err)
		}
		if kept, err := kept(c, m.path); err == nil {
			_ = os.Remove(kept) // used up
		}
		k.sayMoved(m)
	}
	return nil
}

func (k Kubeconfigs) sayMoved(m kubeconfig) {
	diff := render.Diff("was "+m.path, kubeadm.Hide(m.was), "is "+m.path, kubeadm.Hide(m.now))
	k.Say("this machine: %s\n%s", m.path, k.Paint(string(diff)))
}

// kept is where the file stays as it was before kplb, for MoveBack.
func kept(c *inventory.Cluster, path string) (string, error) {
	state := os.Getenv("XDG_STATE_HOME")
	if state == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", err
		}
		state = filepath.Join(home, ".local", "state")
	}
	absolute, err := filepath.Abs(path)
	return filepath.Join(state, "kplb", c.Name, filepath.Clean("/"+absolute)), err
}

// keep keeps the first state of a file that kplb has seen.
func keep(kept string, was []byte) error {
	if _, err := os.Stat(kept); err == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(kept), 0o700); err != nil {
		return err
	}
	return os.WriteFile(kept, was, 0o600)
}

// write replaces the file whole, with its mode.
func (m kubeconfig) write() error {
	return renameio.WriteFile(m.path, m.now, m.mode, renameio.WithStaticPermissions(m.mode), renameio.WithTempDir(filepath.Dir(m.path)))
}
