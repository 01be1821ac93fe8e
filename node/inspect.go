package node

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/kplb/kplb/distribution"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/remote"
	"github.com/kplb/kplb/render"
)

// InspectRequest says what to look at, beyond what every inspection has:
// addresses, units, versions, the files of a generation and kplb's own state.
type InspectRequest struct {
	Token       string           // of the lock that the operator holds; empty: none
	Paths       []string         // other files, each absolute and without spaces
	Kubeconfigs bool             // in the homes of root and of the login, too
	Ports       []uint16         // whose listeners count
	MonitorPort uint16           // of HAProxy's statistics, on loopback
	Kubelet     []netip.AddrPort // whether the kubelet is connected to one of these; none: not asked
	Firewall    bool             // which firewall is active, if it is not ufw
	Kernel      bool             // whether the kernel has ip_vs, and what is in it; always where it is in use
	VRRP        bool             // what keepalived has told the journal of its instances
	Sysctls     bool             // what the kernel says to the settings of kplb's file
}

// Inspect asks a node everything in one round trip, and changes nothing: d says
// where its Kubernetes has what. What does not have its form is left out; an answer
// that is cut short is an error.
func Inspect(ctx context.Context, h Host, d distribution.Distribution, q InspectRequest) (*Facts, error) {
	f := &Facts{Distribution: d, Units: map[string]Unit{}, Files: map[string]File{}}
	complete := false
	err := read(ctx, h, q.script(d.Layout()), func(r remote.Record) error {
		complete = complete || r.Key == "done"
		if err := f.take(r); err != nil {
			return fmt.Errorf("%s: %w", h.Name(), err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if !complete {
		return nil, fmt.Errorf("%s: inspect: the node's answer is cut short", h.Name())
	}
	takeRecords(f)
	return f, nil
}

func (q InspectRequest) script(l distribution.Layout) remote.Script {
	paths := slices.Concat(ManagedPaths(l), statePaths, q.Paths)
	for i, absolute := range paths {
		paths[i] = strings.TrimPrefix(absolute, "/")
	}
	ports := make([]string, len(q.Ports))
	for i, port := range q.Ports {
		ports[i] = number(port)
	}
	return layoutScript("inspect", l, map[string]string{
		"KPLB_PATHS":        strings.Join(paths, " "),
		"KPLB_PORTS":        strings.Join(ports, " "),
		"KPLB_MONITOR_PORT": number(q.MonitorPort),
		"KPLB_HOMES":        flag(q.Kubeconfigs),
		"KPLB_FILTER":       flag(q.Firewall),
		"KPLB_CONNECTED":    inventory.Join(q.Kubelet, " or dst "),
		"KPLB_KERNEL":       flag(q.Kernel),
		"KPLB_VRRP":         flag(q.VRRP),
		"KPLB_SYSCTLS":      flag(q.Sysctls),
		"KPLB_TOKEN":        q.Token,
	})
}

// take adds one record of inspect.sh to the facts.
func (f *Facts) take(r remote.Record) error {
	field := fieldsOf(r)
	switch r.Key {
	case "version":
		return f.takePackage(field(0), field(1))
	case "files", "stats":
		return f.takeData(r)
	case "os":
		f.takeOS(field(0), strings.Trim(field(1), `"'`))
	case "kubeconfig":
		if pathForm.MatchString(field(0)) {
			f.Kubeconfigs = append(f.Kubeconfigs, field(0))
		}
	case "manifest":
		f.Manifests = append(f.Manifests, field(0))
	case "unknown":
		if pathForm.MatchString(field(0)) && len(f.Unknown) < mostUnknown {
			f.Unknown = append(f.Unknown, field(0))
		}
	case "locked":
		f.LockedBy = cmp.Or(field(0), "another operator")
	case "units":
		f.Units = parseUnits(field(0))
	case "process":
		f.Processes = append(f.Processes, parseProcess(field))
	case "vrrp":
		f.VRRP = parseStates(field(0))
	default:
		f.takeKernel(r.Key, field)
		f.takeNetwork(r.Key, field)
	}
	return nil
}

// fieldsOf gives the fields of a record by number; empty: it has none of that number.
func fieldsOf(r remote.Record) func(i int) string {
	return func(i int) string {
		if i < len(r.Fields) {
			return r.Fields[i]
		}
		return ""
	}
}

// takeKernel takes what the kernel is, and its settings.
func (f *Facts) takeKernel(key string, field func(int) string) {
	switch key {
	case "arch":
		f.Arch = field(0)
	case "kernel":
		f.Kernel = Kernel{Release: field(0), IPVS: field(1)}
	case "nonlocal_bind":
		f.NonlocalBind = field(0) == "1"
	case "nonlocal_bind6":
		f.NonlocalBind6 = field(0) == "1"
	case "setting":
		if f.Settings == nil {
			f.Settings = map[string]string{}
		}
		f.Settings[strings.ReplaceAll(field(0), "/", ".")] = field(1)
	case "sysctl":
		if f.Sysctls == nil {
			f.Sysctls = map[string]string{}
		}
		f.Sysctls[field(0)] = strings.Join(strings.Fields(field(1)), " ")
	}
}

// takeNetwork takes addresses, listeners, connections, and what firewalls and the
// kernel do with packets.
func (f *Facts) takeNetwork(key string, field func(int) string) {
	switch key {
	case "addresses":
		f.Addresses = parseAddresses(field(0))
	case "listeners":
		f.Listeners = parseListeners(field(0), f.outsideHAProxy)
	case "connected":
		f.KubeletConnected = strings.Contains(field(0), `"`+f.Distribution.Layout().KubeletProcess+`"`)
	case "filter":
		f.OtherFirewall = filterForm.FindString(field(0))
	case "nft":
		f.NFT = true
	case "redirect":
		f.Redirect = field(0)
	case "directed":
		f.RealServers = parseRealServers(field(0))
	}
}

// mostUnknown is how many unknown paths of a node are told.
const mostUnknown = 20

// pathForm is a path in a home, in which programs look for nothing else.
var pathForm = regexp.MustCompile(`^/[A-Za-z0-9/._-]+$`)

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
