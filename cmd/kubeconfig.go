package cmd

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
	"github.com/kplb/kplb/report"
)

// localKubeconfig is a kubeconfig of whoever runs kplb, on this machine. It
// belongs to no plan: another operator has another one.
type localKubeconfig struct {
	path     string
	mode     fs.FileMode
	was, now []byte
}

// localKubeconfigs are those that kubectl would use here.
func localKubeconfigs() []string {
	if list := filepath.SplitList(os.Getenv("KUBECONFIG")); len(list) > 0 {
		return list
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return nil
	}
	return []string{filepath.Join(home, ".kube", "config")}
}

// readLocal plans an edit of the kubeconfigs on this machine. What cannot be
// read or edited is said, and stays.
func readLocal(s *streams, edit func(path string, source []byte) ([]byte, error)) []localKubeconfig {
	var out []localKubeconfig
	for _, path := range localKubeconfigs() {
		info, err := os.Lstat(path)
		if err != nil {
			continue
		}
		if !info.Mode().IsRegular() {
			s.say("this machine: %s is not a regular file: not touched, see where it points", path)
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
			s.say("this machine: %s %v: not touched", path, err)
		case !bytes.Equal(source, edited):
			out = append(out, localKubeconfig{path, info.Mode().Perm(), source, edited})
		}
	}
	return out
}

// moveLocal has kubectl on this machine go through the VIP.
func moveLocal(s *streams, c *inventory.Cluster, ca []byte) error {
	if c.Endpoint == inventory.Leave {
		return nil
	}
	moves := readLocal(s, func(_ string, source []byte) ([]byte, error) { return plan.PointAtVIP(c, source, ca) })
	for _, m := range moves {
		kept, err := kept(c, m.path)
		if err == nil {
			err = keepLocal(kept, m.was)
		}
		if err == nil {
			err = writeLocal(m)
		}
		if err != nil {
			return fmt.Errorf("this machine: %w", err)
		}
		sayMoved(s, m)
	}
	return nil
}

// moveLocalBack has it go where it went before.
func moveLocalBack(s *streams, c *inventory.Cluster, ca []byte) error {
	moves := readLocal(s, func(path string, source []byte) ([]byte, error) {
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
		if err := writeLocal(m); err != nil {
			return fmt.Errorf("this machine: %w", err)
		}
		if kept, err := kept(c, m.path); err == nil {
			_ = os.Remove(kept) // used up
		}
		sayMoved(s, m)
	}
	return nil
}

func sayMoved(s *streams, m localKubeconfig) {
	diff := render.Diff("was "+m.path, kubeadm.Hide(m.was), "is "+m.path, kubeadm.Hide(m.now))
	s.say("this machine: %s\n%s", m.path, report.Paint(s.colored(s.err), string(diff)))
}

// kept is where the file stays as it was before kplb, for moveLocalBack.
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

// keepLocal keeps the first state of a file that kplb has seen.
func keepLocal(kept string, was []byte) error {
	if _, err := os.Stat(kept); err == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(kept), 0o700); err != nil {
		return err
	}
	return os.WriteFile(kept, was, 0o600)
}

// writeLocal replaces the file whole, with its mode.
func writeLocal(m localKubeconfig) error {
	return renameio.WriteFile(m.path, m.now, m.mode, renameio.WithStaticPermissions(m.mode), renameio.WithTempDir(filepath.Dir(m.path)))
}
