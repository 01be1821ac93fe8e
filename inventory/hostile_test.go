package inventory

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/kplb/kplb/source"
)

// sinks are documents with one value left open, for every field of the format.
func sinks() map[string]string {
	top := map[string]string{
		"apiVersion": "kplb/v1alpha1", "kind": "Cluster", "name": "home", "vip": "10.1.233.1",
		"nodes": "[{name: a, address: 10.1.1.1}]",
	}
	document := func(changes map[string]string) string {
		var b strings.Builder
		for _, key := range []string{"apiVersion", "kind", "name", "vip", "port", "distribution", "exposure", "dnsName", "certificates", "endpoint", "firewall",
			"nodes", "workers", "ssh", "vrrp", "haproxy", "services", "ipvs", "metrics"} {
			value := top[key]
			if c, ok := changes[key]; ok {
				value = c
			}
			if value != "" {
				fmt.Fprintf(&b, "%s: %s\n", key, value)
			}
		}
		return b.String()
	}
	out := map[string]string{}
	for _, key := range []string{"apiVersion", "kind", "name", "vip", "port", "distribution", "exposure", "dnsName", "certificates", "endpoint", "firewall",
		"nodes", "workers", "ssh", "vrrp", "haproxy", "services", "ipvs", "metrics"} {
		out[key] = document(map[string]string{key: "%s"})
	}
	in := func(key, form string, fields ...string) {
		for _, f := range fields {
			out[key+"."+f] = document(map[string]string{key: fmt.Sprintf(form, f)})
		}
	}
	in("nodes", "[{name: a, address: 10.1.1.1, ssh: {%s: %%s}}]", "host", "user", "port", "identityFile", "proxyJump")
	in("nodes", "[{name: a, address: 10.1.1.1, %s: %%s}]", "interface", "priority", "label")
	in("workers", "[{%s: %%s}]", "name", "address", "ssh")
	in("workers", "[{name: a, address: 10.1.1.1, ssh: {%s: %%s}}]", "host", "user", "port", "identityFile", "proxyJump")
	in("ssh", "{%s: %%s}", "user", "port", "identityFile", "proxyJump")
	in("vrrp", "{%s: %%s}", "version", "virtualRouterID", "advertInterval", "auth", "mode", "failback")
	in("vrrp", "{version: 2, auth: {%s: %%s}}", "fromEnv", "fromFile", "fromCommand")
	in("vrrp", "{version: 2, %s: %%s}", "auth_pass")
	in("haproxy", "{%s: %%s}", "balance", "maxConn", "monitorPort", "peersPort", "timeouts", "check")
	in("ipvs", "{%s: %%s}", "method", "check")
	in("haproxy", "{timeouts: {%s: %%s}}", "connect", "client", "server", "tunnel")
	in("haproxy", "{check: {%s: %%s}}", "interval", "fall", "rise")
	in("nodes", "[{name: a, address: 10.1.1.1, labels: {%s: %%s}}]", "pool")
	in("workers", "[{name: a, address: 10.1.1.9, %s: %%s}]", "labels")
	in("services", "[{%s: %%s}]", "name", "port", "nodePort")
	in("services", "[{name: web, port: 443, nodePort: 30443, %s: %%s}]", "nodes", "sessionAffinity", "proxyProtocol", "sourceRanges", "check")
	in("services", "[{name: web, port: 443, nodePort: 30443, sessionAffinity: ClientIP, %s: %%s}]", "timeoutSeconds")
	in("services", "[{name: web, port: 443, nodePort: 30443, nodes: {%s: %%s}}]", "labels")
	in("metrics", "{listen: node, %s: %%s}", "port", "allowFrom", "textfileDir")
	out["label key"] = document(map[string]string{"nodes": "[{name: a, address: 10.1.1.1, labels: {%s: a}}]"})
	out["node name"] = document(map[string]string{"nodes": "[{address: 10.1.1.1, name: %s}]"})
	out["node address"] = document(map[string]string{"nodes": "[{name: a, address: %s}]"})
	out["key"] = document(nil) + "%s: 1\n"
	out["auth key"] = document(map[string]string{"vrrp": "{version: 2, auth: {%s: 1}}"})
	return out
}

// hostile are values that shells, YAML, HAProxy and keepalived read in ways of their own.
var hostile = []string{
	"a\nb", "a\r\nb", "a\x00b", "a\u2028b", "a\u0085b", "#", "a #b", "a#b", "!", "!a", `"`, `a"b`, "'", "a'b", `\`, `a\nb`,
	"$(id)", "`id`", "${HOME}", "$SHELL", `"$SHELL"`, "~SEQ", "~root/x", "@main", "{", "}", "{}", "[]", ";", "a;b", "&&", "a&&b", "|", ">", "*", "&",
	"-", "-x", "-oProxyCommand=touch /tmp/x", "--", "--help", "../../etc/shadow", "/etc/shadow", "/etc/sha\x00dow", "/etc/shadow\n",
	"", " ", "a b", " a", "a ", "a\tb", "a.", ".", "..", "/", "~", "n\u043ede", "b\u00fccher.example", "a\u202eb", "a\u200bb", "\ufeffa",
	"\x1b[2J", "\x1b]52;c;eA==\x07", "\u009b31m", "{{ . }}", "{{ template \"x\" }}", "<% x %>", "!!python/object:os.system", "*a", "&a b", "<<",
	"0x0a000001", "010.0.0.1", "10.0.0.1.", "10.0.0.1/33", "10.0.0.1/-1", "::ffff:10.0.0.1", "fe80::1%eth0", "0.0.0.0", "127.0.0.1",
	"224.0.0.18", "255.255.255.255", "10.0.0.1#", "10.0.0.1:6443", "6443#", "unix@/etc/passwd", "10.77.0.011",
	"0", "-1", "65536", "255", "256", "0.005", "1e3", "0x10", "010", "1_000", "99999999999999999999999", ".inf", ".nan", "~", "null", "true", "yes", "2026-01-02",
	"1h\n", "-1s", "1d", "999999h", "k8sVip51",
	strings.Repeat("x", 4096), strings.Repeat("10.", 99), strings.Repeat("9", 500), strings.Repeat("a.", 200) + "a", strings.Repeat("-", 100),
}

// TestHostileValues puts every hostile value into every field, once in quotes
// and once as it is. It must be refused with a position, or be harmless where it
// ends up.
func TestHostileValues(t *testing.T) {
	t.Parallel()
	fields := sinks()
	if pairs := len(fields) * len(hostile); pairs < 500 {
		t.Errorf("only %d pairs of value and field", pairs)
	}
	for field, form := range fields {
		t.Run(field, func(t *testing.T) {
			t.Parallel()
			before, _, _ := strings.Cut(form, "%s")
			line := 1 + strings.Count(before, "\n")
			for _, value := range hostile {
				checkHostile(t, field, value, fmt.Sprintf(form, yamlQuoted(value)), line)
				checkHostile(t, field, value, fmt.Sprintf(form, value), 0)
			}
		})
	}
}

func checkHostile(t *testing.T, field, value, file string, line int) {
	t.Helper()
	cluster, err := Parse("f", []byte(file))
	if err != nil {
		checkRefusal(t, field, value, err, line)
	} else {
		checkInert(t, field, value, cluster)
	}
}

// yamlQuoted is s as a double-quoted YAML scalar without any raw special.
func yamlQuoted(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r >= ' ' && r <= '~' && r != '"' && r != '\\' {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, `\U%08x`, r)
		}
	}
	return `"` + b.String() + `"`
}

// checkRefusal wants a problem on line (any line when that is 0) and messages
// that do no harm themselves.
func checkRefusal(t *testing.T, field, value string, err error, line int) {
	t.Helper()
	var problems source.Problems
	ok := errors.As(err, &problems)
	if !ok || len(problems) == 0 {
		t.Fatalf("%s = %.60q: got %T, want Problems", field, value, err)
	}
	there := line == 0
	for _, p := range problems {
		there = there || p.Line == line && p.Column > 1 || field == "key" && p.Line == line
		message := p.Error()
		if p.Line < 1 || p.Column < 1 || p.What == "" || p.Hint == "" || len(message) > 400 {
			t.Errorf("%s = %.60q: incomplete or endless: %.500s", field, value, message)
		}
		if strings.ContainsFunc(message, func(r rune) bool { return r > '~' && r != '…' || unicode.IsControl(r) }) {
			t.Errorf("%s = %.60q: the message is not harmless: %q", field, value, message)
		}
		if value == "k8sVip51" && strings.Contains(field, "auth") && strings.Contains(message, value) {
			t.Errorf("%s: the message has the secret: %s", field, message)
		}
	}
	if !there {
		t.Errorf("%s = %.60q: no problem where it stands, line %d:\n%v", field, value, line, err)
	}
}

// Strings of a cluster by where they may go: anywhere, only into a path that the
// operator's program opens, only into the operator's own command.
var (
	inertWord    = regexp.MustCompile(`^[A-Za-z0-9_.:/@\[\]-]*$`)
	inertPath    = regexp.MustCompile(`^(~?/[\p{L}\p{M}\p{Nd}/._+=,:@~-]+)?$`)
	inertCommand = regexp.MustCompile(`^[\p{L}\p{M}\p{N}\p{P}\p{S} ]+$`)
	inertLine    = regexp.MustCompile(`^[^\pC\s.](|[^\pC]*[^\pC\s\\])$`)
)

func checkInert(t *testing.T, field, value string, cluster *Cluster) {
	t.Helper()
	copied := *cluster
	copied.Positions = nil
	copied.Nodes = append([]Node(nil), cluster.Nodes...)
	copied.Workers = append([]Node(nil), cluster.Workers...)
	var paths, commands []string
	logins := append(make([]*SSH, 0, 1+len(copied.Nodes)+len(copied.Workers)), &copied.SSH)
	for i := range copied.Nodes {
		logins = append(logins, &copied.Nodes[i].SSH)
	}
	for i := range copied.Workers {
		logins = append(logins, &copied.Workers[i].SSH)
	}
	for _, login := range logins {
		paths = append(paths, login.IdentityFiles...)
		login.IdentityFiles = nil
	}
	if a := copied.VRRP.Auth; a != nil {
		paths, commands = append(paths, a.File), append(commands, a.Command...)
		copied.VRRP.Auth = &Secret{Env: a.Env}
	}
	h, k := &copied.HAProxy.Extra, &copied.VRRP.Extra
	lines := slices.Concat(h.Global, h.Defaults, h.Frontend, h.Backend, k.Global, k.Instance)
	*h, *k = HAProxyExtra{}, VRRPExtra{}
	data, err := json.Marshal(&copied)
	if err != nil {
		t.Fatal(err)
	}
	var tree any
	if err := json.Unmarshal(data, &tree); err != nil {
		t.Fatal(err)
	}
	matches(t, field, value, inertWord, texts(tree))
	matches(t, field, value, inertPath, paths)
	matches(t, field, value, inertCommand, commands)
	matches(t, field, value, inertLine, lines)
}

func matches(t *testing.T, field, value string, allowed *regexp.Regexp, texts []string) {
	t.Helper()
	for _, s := range texts {
		if !allowed.MatchString(s) || strings.HasPrefix(s, "-") && allowed != inertCommand {
			t.Errorf("%s = %.60q: %q came through", field, value, s)
		}
	}
}

// texts are all strings in decoded JSON.
func texts(tree any) []string {
	var out []string
	switch v := tree.(type) {
	case string:
		out = append(out, v)
	case []any:
		for _, item := range v {
			out = append(out, texts(item)...)
		}
	case map[string]any:
		for _, item := range v {
			out = append(out, texts(item)...)
		}
	}
	return out
}
