package render

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"text/template"
	"time"

	"github.com/Masterminds/sprig/v3"
)

// allowed names the sprig functions that templates may use: those that give
// the same result every time and touch nothing outside their arguments.
var allowed = []string{
	"add", "append", "coalesce", "compact", "contains", "default", "dict", "div", "empty", "fail", "first", "get",
	"has", "hasKey", "hasPrefix", "hasSuffix", "indent", "initial", "int", "join", "kindIs", "last", "list",
	"lower", "max", "min", "mod", "mul", "nindent", "prepend", "quote", "replace", "rest", "reverse", "seq",
	"sortAlpha", "splitList", "squote", "sub", "ternary", "toString", "trim", "trimPrefix", "trimSuffix", "trunc",
	"uniq", "until", "upper", "without",
}

// funcs is what templates can call: the allowed part of sprig, and ours.
func funcs() template.FuncMap {
	all := sprig.HermeticTxtFuncMap()
	m := template.FuncMap{}
	for _, name := range allowed {
		if f, ok := all[name]; ok {
			m[name] = f
		}
	}
	m["hostport"] = hostport
	m["host"] = host
	m["duration"] = duration
	m["seconds"] = seconds
	m["secret"] = secret
	m["mark"] = func() int { return IPVSMark }
	return m
}

// IPVSMark is what nftables marks packets with that the kernel is to
// balance, and no others. It has no bit that kube-proxy (0x4000, 0x8000), Cilium
// (0x0f00) or Calico (0xffff0000) use.
const IPVSMark = 107

// hostport writes an address and a port as HAProxy and curl want them, with
// brackets around IPv6.
func hostport(a netip.Addr, port uint16) string {
	return net.JoinHostPort(a.String(), strconv.Itoa(int(port)))
}

// host is an address alone, as keepalived and ip want it: /32, or /128.
func host(a netip.Addr) string { return netip.PrefixFrom(a, a.BitLen()).String() }

// duration writes a time as HAProxy's manual does (section 2.5): an integer
// and the largest unit that holds it.
func duration(d time.Duration) (string, error) {
	units := []struct {
		unit time.Duration
		name string
	}{{time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}, {time.Millisecond, "ms"}}
	for _, u := range units {
		if d > 0 && d%u.unit == 0 {
			return fmt.Sprintf("%d%s", d/u.unit, u.name), nil
		}
	}
	return "", fmt.Errorf("%s is not a positive number of milliseconds", d)
}

// seconds writes a time as keepalived's advert_int wants it: decimal seconds.
func seconds(d time.Duration) string {
	// not d.Seconds(), which adds two floats: 1.1400000000000001
	return strconv.FormatFloat(float64(d)/float64(time.Second), 'f', -1, 64)
}

func secret(name string) (string, error) {
	if name != VRRPAuth {
		return "", errors.New("the only secret is " + strconv.Quote(VRRPAuth))
	}
	return string(placeholder(name)), nil
}
