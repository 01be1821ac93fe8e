package render

import (
	"bytes"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"text/template"
	"time"

	"github.com/Masterminds/sprig/v3"
	"github.com/google/go-cmp/cmp"
)

// callable is every function that a template can call, text/template's own
// aside. A new one must give the same result every time.
var callable = []string{
	"add", "append", "coalesce", "compact", "contains", "default", "dict", "div", "duration", "empty", "fail", "first", "get",
	"has", "hasKey", "hasPrefix", "hasSuffix", "host", "hostport", "indent", "initial", "int", "join", "kindIs", "last", "list",
	"lower", "mark", "max", "min", "mod", "mul", "nindent", "prepend", "quote", "replace", "rest", "reverse", "seconds", "secret", "seq",
	"sortAlpha", "splitList", "squote", "sub", "ternary", "toString", "trim", "trimPrefix", "trimSuffix", "trunc",
	"uniq", "until", "upper", "without",
}

func TestAllowedFuncs(t *testing.T) {
	t.Parallel()
	got := slices.Sorted(maps.Keys(funcs()))
	if d := cmp.Diff(callable, got); d != "" {
		t.Errorf("functions (-listed +there):\n%s", d)
	}
	for _, name := range allowed {
		if _, ok := sprig.HermeticTxtFuncMap()[name]; !ok {
			t.Errorf("%s is allowed and is no hermetic function of sprig", name)
		}
	}
}

// TestForbiddenFuncs: a template that calls one of these is refused when it is
// read, before anything is rendered.
func TestForbiddenFuncs(t *testing.T) {
	t.Parallel()
	names := []string{
		// reach outside, or differ from run to run
		"env", "expandenv", "getHostByName", "now", "date", "ago", "dateModify", "mustDateModify", "htmlDate", "uuidv4",
		"randInt", "randAlpha", "randAlphaNum", "randAscii", "randNumeric", "randBytes", "shuffle",
		"genPrivateKey", "genCA", "genCAWithKey", "genSelfSignedCert", "genSignedCert", "buildCustomCert",
		"htpasswd", "bcrypt", "derivePassword", "encryptAES", "decryptAES",
		// change what they are given
		"set", "unset", "merge", "mergeOverwrite", "mustMerge",
		// files and plugins of others
		"readFile", "include", "tpl", "lookup", "exec", "osBase", "toYaml",
	}
	for _, name := range names {
		if _, err := template.New("").Funcs(funcs()).Parse("{{ " + name + " }}"); err == nil {
			t.Errorf("%s can be called", name)
		}
	}
}

func TestHostport(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		address string
		port    uint16
		want    string
	}{
		{"10.1.1.1", 6443, "10.1.1.1:6443"},
		{"10.1.1.1", 0, "10.1.1.1:0"},
		{"255.255.255.255", 65535, "255.255.255.255:65535"},
		{"fd10:1::100", 6443, "[fd10:1::100]:6443"},
		{"::", 1, "[::]:1"},
		{"::ffff:10.1.1.1", 6443, "[::ffff:10.1.1.1]:6443"},
		{"fe80::1%eth0", 6443, "[fe80::1%eth0]:6443"},
	} {
		if got := hostport(netip.MustParseAddr(test.address), test.port); got != test.want {
			t.Errorf("hostport(%s, %d) = %s, want %s", test.address, test.port, got, test.want)
		}
	}
}

func TestDuration(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		time.Millisecond: "1ms", 500 * time.Millisecond: "500ms", 1500 * time.Millisecond: "1500ms",
		time.Second: "1s", 45 * time.Second: "45s", 90 * time.Second: "90s", 100 * time.Second: "100s",
		time.Minute: "1m", 90 * time.Minute: "90m", time.Hour: "1h", 24 * time.Hour: "24h", 100 * time.Hour: "100h",
		time.Hour + time.Millisecond: "3600001ms",
	} {
		if got, err := duration(d); err != nil || got != want {
			t.Errorf("duration(%s) = %s, %v, want %s", d, got, err, want)
		}
	}
	for d, want := range map[time.Duration]string{
		0:                      "0s is not a positive number of milliseconds",
		-time.Second:           "-1s is not a positive number of milliseconds",
		time.Microsecond:       "1µs is not a positive number of milliseconds",
		1500 * time.Nanosecond: "1.5µs is not a positive number of milliseconds",
		time.Second + 1:        "1.000000001s is not a positive number of milliseconds",
	} {
		if got, err := duration(d); err == nil || err.Error() != want {
			t.Errorf("duration(%s) = %s, %v, want %s", d, got, err, want)
		}
	}
}

func TestSeconds(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		10 * time.Millisecond: "0.01", 250 * time.Millisecond: "0.25", 290 * time.Millisecond: "0.29", time.Second: "1",
		1100 * time.Millisecond: "1.1", 3 * time.Second: "3", 40 * time.Second: "40", 255 * time.Second: "255",
	} {
		if got := seconds(d); got != want {
			t.Errorf("seconds(%s) = %s, want %s", d, got, want)
		}
	}
	// all that VRRP can say: never an exponent, never a digit too many
	for d := 10 * time.Millisecond; d <= 40*time.Second; d += 10 * time.Millisecond {
		whole, fraction, _ := strings.Cut(seconds(d), ".")
		if back, err := time.ParseDuration(seconds(d) + "s"); err != nil || back != d || whole == "" || len(fraction) > 2 {
			t.Errorf("seconds(%s) = %s", d, seconds(d))
		}
	}
}

func TestSecret(t *testing.T) {
	t.Parallel()
	if got, err := secret("vrrp-auth"); err != nil || got != "{kplb-secret:vrrp-auth}" {
		t.Errorf("got %s, %v", got, err)
	}
	for _, name := range []string{"", "vrrp", "VRRP-AUTH", "vrrp-auth}"} {
		if got, err := secret(name); err == nil || err.Error() != `the only secret is "vrrp-auth"` {
			t.Errorf("secret(%q) = %s, %v", name, got, err)
		}
	}
}

func TestParseVersion(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Version{
		"2.6.12": {2, 6, 12},
		"2.6":    {2, 6, 0},
		"HAProxy version 2.6.12-1+deb12u4 2026/10/17 - https://haproxy.org/":        {2, 6, 12},
		"HA-Proxy version 2.2.9-2+deb11u7 2026/01/01 - https://haproxy.org/":        {2, 2, 9},
		"HAProxy version 3.3-dev0-1a2b3c 2025/05/28":                                {3, 3, 0},
		"Keepalived v2.2.7 (01/16,2022)\n\nCopyright(C) 2001-2022 Alexandre Cassen": {2, 2, 7},
		"Keepalived v2.4.3 (06/22,2026), git commit v2.4.3":                         {2, 4, 3},
		"1:2.2.7-1+b2":           {2, 2, 7},
		"1:2.0.19-2ubuntu0.2":    {2, 0, 19},
		"2.6.12-1+deb12u4":       {2, 6, 12},
		"2.8.5-1ubuntu3.4":       {2, 8, 5},
		"2.8.3.1":                {2, 8, 3},
		"v9999.9999.9999":        {9999, 9999, 9999},
		"x\n2.4.22\n":            {2, 4, 22},
		"2.4.\n22":               {2, 4, 0},
		"\x00\xff2.4.22\x1b[31m": {2, 4, 22},
	} {
		if got, err := ParseVersion(text); err != nil || got != want {
			t.Errorf("ParseVersion(%q) = %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "2", "2.", ".6", "two.six", "2,6", "2 .6", "v2"} {
		want := strings.ReplaceAll(`"X" holds no version like 2.6.12`, "X", text)
		if got, err := ParseVersion(text); err == nil || err.Error() != want {
			t.Errorf("ParseVersion(%q) = %v, %v, want %s", text, got, err, want)
		}
	}
}

func TestVersionOrder(t *testing.T) {
	t.Parallel()
	inOrder := []Version{{}, {0, 0, 1}, {1, 8, 30}, {2, 0, 19}, {2, 2, 0}, {2, 2, 9}, {2, 2, 10}, {2, 10, 0}, {3, 0, 0}, {10, 0, 0}}
	for i, v := range inOrder {
		for j, w := range inOrder {
			if got := v.Before(w); got != (i < j) {
				t.Errorf("%s before %s: %t", v, w, got)
			}
			if got, err := v.AtLeast(w.String()); err != nil || got != (i >= j) {
				t.Errorf("%s at least %s: %t, %v", v, w, got, err)
			}
		}
	}
	if got, err := DefaultHAProxy.AtLeast("2.4"); err != nil || !got {
		t.Errorf("%s at least 2.4: %t, %v", DefaultHAProxy, got, err)
	}
	if _, err := DefaultHAProxy.AtLeast("new"); err == nil || err.Error() != `"new" holds no version like 2.6.12` {
		t.Errorf("got %v", err)
	}
}

func FuzzParseVersion(f *testing.F) {
	for _, text := range []string{"HAProxy version 2.6.12-1+deb12u4 2026/10/17", "Keepalived v2.2.7 (01/16,2022)", "1:2.2.7-1", "99999.99999"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, err := ParseVersion(text)
		if err != nil {
			if v != (Version{}) {
				t.Errorf("%s beside an error", v)
			}
			return
		}
		again, err := ParseVersion(v.String())
		if err != nil || again != v {
			t.Errorf("%s reads back as %s, %v", v, again, err)
		}
		if v.Before(v) || v.Major > 9999 || v.Minor > 9999 || v.Patch > 9999 {
			t.Errorf("a bad version %s", v)
		}
	})
}

// TestFuncsInTemplates: errors of functions end the rendering with the place.
func TestFuncsInTemplates(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{{ fail "stop here" }}`:        `template: x:1:3: executing "x" at <fail "stop here">: error calling fail: stop here`,
		`{{ secret "root" }}`:           `template: x:1:3: executing "x" at <secret "root">: error calling secret: the only secret is "vrrp-auth"`,
		`{{ .missing }}`:                `template: x:1:3: executing "x" at <.missing>: map has no entry for key "missing"`,
		`{{ duration .short }}`:         `template: x:1:3: executing "x" at <duration .short>: error calling duration: 1ns is not a positive number of milliseconds`,
		`{{ .version.AtLeast "none" }}`: `template: x:1:11: executing "x" at <.version.AtLeast>: error calling AtLeast: "none" holds no version like 2.6.12`,
	} {
		parsed, err := template.New("x").Funcs(funcs()).Option("missingkey=error").Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		err = parsed.Execute(&out, map[string]any{"short": time.Nanosecond, "version": DefaultHAProxy})
		if err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}
