package plan

import (
	"bytes"
	"slices"
	"time"

	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/render"
)

// restorer plans to restore a node to the state of one of its generations.
type restorer struct {
	*builder
	snapshot *node.Snapshot
}

// controlPlane plans everything but the certificate.
func (r restorer) controlPlane() error {
	artifacts := r.files(render.Paths())
	d := r.facts.Distribution
	manifest := d.Layout().APIServerConfig
	if _, there := r.facts.Files[manifest]; there || !r.Leaving { // a node that has left Kubernetes has none
		err := r.planManifest(func(source []byte) ([]byte, error) {
			return d.LikeIn(source, r.snapshot.Files[manifest].Content)
		})
		if err != nil {
			return err
		}
	}
	r.kubeconfigs()
	r.firewall()
	newActivation(r.builder, artifacts).controlPlane()
	r.units()
	r.HAProxyListens = frontendsIn(r.snapshot.Files[render.HAProxyPath].Content, r.cluster.VIPs)
	if r.snapshot.Units["haproxy"].Active != "active" {
		r.HAProxyListens = nil
	}
	r.settings()
	return nil
}

// settings decides about those of the kernel that let HAProxy bind a VIP.
func (r restorer) settings() {
	f, s := r.facts, r.snapshot
	r.NoBind6 = r.NoBind6 && !s.NonlocalBind6
	_, applies := s.Files[render.SysctlPath]
	switch {
	case isIPVS(node.ParseSysctls(s.Files[render.SysctlPath].Content)): // activation has decided
	case !s.NonlocalBind && f.NonlocalBind:
		r.Sysctl = node.SysctlOff
	case !s.NonlocalBind, !applies: // it was on without a file of kplb's, and still is
		r.Sysctl = node.SysctlLeave
	}
}

// files restores the files at these paths to the state of a generation, and
// returns those that the generation has.
func (r restorer) files(paths []string) []render.Artifact {
	var artifacts []render.Artifact
	for _, path := range paths {
		want, ok := r.snapshot.Files[path]
		if !ok {
			r.removeFile(path)
			continue
		}
		a := render.Artifact{Path: path, Mode: want.Mode, Content: want.Content, Effect: render.EffectOf(path)}
		artifacts = append(artifacts, a)
		r.putFile(a, want.UID, want.GID)
	}
	return artifacts
}

// units plans to start, stop, enable or disable the daemons as in the
// generation.
func (r restorer) units() {
	for _, d := range []struct {
		name   string
		action *node.Action
	}{{"haproxy", &r.HAProxy}, {"keepalived", &r.Keepalived}} {
		unit := d.name + ".service"
		want, now := r.snapshot.Units[d.name], r.facts.Units[unit]
		if want.Active != "active" {
			*d.action = node.Leave
			if now.Active == "active" {
				*d.action = node.Stop
			}
		}
		r.Enable = slices.DeleteFunc(r.Enable, func(u string) bool { return u == unit && want.File != "enabled" })
		if want.File == "disabled" && now.File == "enabled" {
			r.Disable = append(r.Disable, unit)
		}
	}
}

// certificate restores the certificate of a generation, unless the current one
// was renewed after kplb's last change, or the earlier one has expired. current is the
// node's newest generation.
func (r restorer) certificate(current *node.Snapshot, number int, now time.Time) {
	path := r.facts.Distribution.Layout().Certificate
	inPlace, there := r.facts.Files[path]
	was, kept := r.snapshot.Files[path]
	if !there || !kept || bytes.Equal(inPlace.Content, was.Content) {
		return
	}
	switch {
	case current == nil || !bytes.Equal(current.Files[path].Content, inPlace.Content):
		r.note("%s was renewed since: it stays", path)
	case kubeadm.Expiry(was.Content).Before(now.Add(24 * time.Hour)):
		r.note("the earlier %s has expired: the one that is there stays", path)
	default:
		r.Certificate = &Certificate{
			Generation: number, Before: node.SumOf(inPlace.Content), Mode: was.Mode, Owner: node.Owner{UID: was.UID, GID: was.GID},
		}
	}
}
