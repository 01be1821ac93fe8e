package plan

import (
	"bytes"
	"slices"
	"time"

	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/render"
)

// restoreFiles restores the files at these paths to the state of a generation, and
// returns those that the generation has.
func (n *NodePlan) restoreFiles(f *node.Facts, s *node.Snapshot, paths []string) []render.Artifact {
	var artifacts []render.Artifact
	for _, path := range paths {
		want, ok := s.Files[path]
		if !ok {
			n.removeFile(f, path)
			continue
		}
		a := render.Artifact{Path: path, Mode: want.Mode, Content: want.Content, Effect: render.EffectOf(path)}
		artifacts = append(artifacts, a)
		if change, differs := compare(n.Node, f, a, want.UID, want.GID); differs {
			n.Changes = append(n.Changes, change)
		}
	}
	return artifacts
}

func (n *NodePlan) removeFile(f *node.Facts, path string) {
	was, there := f.Files[path]
	if !there {
		return
	}
	change := Change{
		Artifact: render.Artifact{Path: path, Mode: was.Mode, Effect: render.EffectOf(path)},
		Remove:   true, Was: &was, Stamp: render.Stamp(was.Content),
	}
	change.describe(n.Node)
	n.Changes = append(n.Changes, change)
}

// restoreUnits plans to start, stop, enable or disable the daemons as in the
// generation.
func (n *NodePlan) restoreUnits(f *node.Facts, s *node.Snapshot) {
	for _, d := range []struct {
		name   string
		action *node.Action
	}{{"haproxy", &n.HAProxy}, {"keepalived", &n.Keepalived}} {
		unit := d.name + ".service"
		want, now := s.Units[d.name], f.Units[unit]
		if want.Active != "active" {
			*d.action = node.Leave
			if now.Active == "active" {
				*d.action = node.Stop
			}
		}
		n.Enable = slices.DeleteFunc(n.Enable, func(u string) bool { return u == unit && want.File != "enabled" })
		if want.File == "disabled" && now.File == "enabled" {
			n.Disable = append(n.Disable, unit)
		}
	}
}

// restoreCertificate restores the certificate of a generation, unless the current one
// was renewed after kplb's last change, or the earlier one has expired. current is the
// node's newest generation.
func (n *NodePlan) restoreCertificate(f *node.Facts, s, current *node.Snapshot, number int, now time.Time) {
	inPlace, there := f.Files[kubeadm.CertificatePath]
	was, kept := s.Files[kubeadm.CertificatePath]
	if !there || !kept || bytes.Equal(inPlace.Content, was.Content) {
		return
	}
	switch {
	case current == nil || !bytes.Equal(current.Files[kubeadm.CertificatePath].Content, inPlace.Content):
		n.note("%s was renewed since: it stays", kubeadm.CertificatePath)
	case kubeadm.Expiry(was.Content).Before(now.Add(24 * time.Hour)):
		n.note("the earlier %s has expired: the one that is there stays", kubeadm.CertificatePath)
	default:
		n.Certificate = &Certificate{
			Generation: number, Before: node.SumOf(inPlace.Content), Mode: was.Mode, Owner: node.Owner{UID: was.UID, GID: was.GID},
		}
	}
}
