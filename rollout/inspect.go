package rollout

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/remote"
	"github.com/kplb/kplb/render"
)

// caPath is the cluster's CA, which every control-plane node has.
const caPath = "/etc/kubernetes/pki/ca.crt"

// inspection is what is asked beyond what every command needs.
type inspection struct {
	wide   bool // kubeconfigs, although kplb does not look after them: it has to know whether it did
	status bool // what keepalived has told the journal
	audit  bool // what the kernel says to its settings
}

// inspect asks one node everything in one round trip.
func inspect(ctx context.Context, h Host, c *inventory.Cluster, n inventory.Node, more inspection) (*Facts, error) {
	paths := append(managedPaths(), caPath, certificatePath, pendingPath+"/txn", pendingPath+"/about", basePath+"/restored", basePath+"/current", restartedPath)
	homes := more.wide || c.Endpoint != inventory.Leave
	if homes || n.Worker {
		paths = append(paths, adminPath, superAdminPath, kubeletPath)
	}
	firewall := !n.Worker && (more.wide || c.Firewall == inventory.Manage)
	paths = append(paths, textfileDir(c, n)...)
	if firewall {
		paths = append(paths, ufwConfPath, ufwDefaultsPath, ufwRulesPath, ufwRules6Path)
	}
	connected, port := "", c.Port
	if n.Worker {
		connected, port = joined(kubeletAt(c), " or dst "), kubeletAt(c)[0].Port()
	}
	for i, p := range paths {
		paths[i] = strings.TrimPrefix(p, "/")
	}
	script := node.Script("inspect", map[string]string{
		"KPLB_PATHS":        strings.Join(paths, " "),
		"KPLB_PORT":         strconv.Itoa(int(port)),
		"KPLB_FRONT_PORT":   strconv.Itoa(int(c.HAProxy.Port)),
		"KPLB_MONITOR_PORT": strconv.Itoa(int(c.HAProxy.MonitorPort)),
		"KPLB_MORE_PORTS":   servicePorts(c, n),
		"KPLB_HOMES":        flag(homes),
		"KPLB_FILTER":       flag(firewall),
		"KPLB_CONNECTED":    connected,
		"KPLB_KERNEL":       flag(!n.Worker && (more.wide || c.Exposure == inventory.IPVS)),
		"KPLB_VRRP":         flag(more.status && !n.Worker),
		"KPLB_SYSCTLS":      flag(more.audit && !n.Worker),
	})
	f := &Facts{Units: map[string]Unit{}, Files: map[string]File{}}
	complete := false
	err := h.Run(ctx, script, func(r remote.Record) error {
		complete = complete || r.Key == "done"
		if err := f.take(r); err != nil {
			return fmt.Errorf("%s: %w", n.Name, err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if !complete {
		return nil, fmt.Errorf("%s: inspect: the node's answer is cut short", n.Name)
	}
	if c.Exposure == inventory.IPVS && !n.Worker {
		f.Servers, f.Backends = f.directs(c), nil
	}
	return f, nil
}

// take adds one record of inspect.sh to the facts.
func (f *Facts) take(r remote.Record) error {
	field := func(i int) string {
		if i < len(r.Fields) {
			return r.Fields[i]
		}
		return ""
	}
	switch r.Key {
	case "arch":
		f.Arch = field(0)
	case "os":
		f.takeOS(field(0), strings.Trim(field(1), `"'`))
	case "nonlocal_bind":
		f.NonlocalBind = field(0) == "1"
	case "nonlocal_bind6":
		f.NonlocalBind6 = field(0) == "1"
	case "version":
		return f.takePackage(field(0), field(1))
	case "filter":
		f.Filter = filterForm.FindString(field(0))
	case "kubeconfig":
		f.Kubeconfigs = append(f.Kubeconfigs, field(0))
	case "kernel":
		f.Kernel = Kernel{Release: field(0), IPVS: field(1)}
	case "setting":
		if f.Settings == nil {
			f.Settings = map[string]string{}
		}
		f.Settings[strings.ReplaceAll(field(0), "/", ".")] = field(1)
	case "directed":
		f.Directed = parseDirected(field(0))
	case "nft":
		f.NFT = true
	case "redirect":
		f.Redirect = field(0)
	case "connected":
		f.Connected = strings.Contains(field(0), `"kubelet"`)
	case "vrrp":
		f.VRRP = parseStates(field(0))
	case "sysctl":
		if f.Sysctls == nil {
			f.Sysctls = map[string]string{}
		}
		f.Sysctls[field(0)] = strings.Join(strings.Fields(field(1)), " ")
	case "manifest":
		f.Manifests = append(f.Manifests, field(0))
	case "addresses":
		f.Addresses = parseAddresses(field(0))
	case "listeners":
		f.Listeners = parseListeners(field(0))
	case "units":
		f.Units = parseUnits(field(0))
	case "files", "stats":
		return f.takeData(r)
	}
	return nil
}

// filterForm is firewalld, or a family, a table and a chain of nftables.
var filterForm = regexp.MustCompile(`^(firewalld|[a-z0-9]+ [A-Za-z0-9_./-]+ [A-Za-z0-9_./-]+)$`)

func (f *Facts) takeOS(key, value string) {
	switch key {
	case "ID":
		f.OS.ID = value
	case "ID_LIKE":
		f.OS.Like = value
	case "VERSION_ID":
		f.OS.Version = value
	}
}

func (f *Facts) takePackage(name, version string) error {
	v, err := render.ParseVersion(version)
	if err != nil {
		return fmt.Errorf("inspect: version of %s: %w", name, err)
	}
	p := Package{Installed: true, Version: v}
	if name == "haproxy" {
		f.HAProxy = p
	} else {
		f.Keepalived = p
	}
	return nil
}

func (f *Facts) takeData(r remote.Record) error {
	data, err := r.Data(0)
	if err != nil {
		return fmt.Errorf("inspect: record %s: %w", r.Key, err)
	}
	if r.Key == "stats" {
		f.Servers, f.Backends = parseStats(data), parseBackends(data)
		return nil
	}
	f.Files, err = parseFiles(data)
	return err
}
