package record_test

import (
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/kplb/kplb/record"
)

var update = flag.Bool("update", false, "write the goldens anew")

// lab is a record that has everything.
func lab() *record.Record {
	of := 2
	return &record.Record{
		Format: 1, Version: "v1.4.0", Cluster: record.Cluster{ID: "0123456789abcdef0123456789abcdef", Name: "lab"}, Generation: 4, Of: &of,
		By: "ann@desk", Time: time.Date(2026, 11, 20, 20, 0, 0, 0, time.UTC),
		Members: []record.Member{
			{Name: "node-1", Role: record.ControlPlane, Address: netip.MustParseAddr("10.1.1.1"), SSH: record.SSH{Host: "host-1", Port: 2222, User: "debian", Jump: []string{"ann@jump:22", "[fd00::1]:22"}}},
			{Name: "worker-1", Role: record.Worker, Address: netip.MustParseAddr("fd00::11")},
		},
		Changes:   []record.Change{{Node: "node-1", Files: []string{"/etc/haproxy/haproxy.cfg"}}},
		Inventory: "apiVersion: kplb/v1alpha1\n",
	}
}

// TestRecord: a record is read as it was written, byte for byte.
func TestRecord(t *testing.T) {
	t.Parallel()
	want := lab()
	text := want.Bytes()
	file := filepath.Join("testdata", "record.json")
	if *update {
		if err := os.WriteFile(file, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	golden, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(golden), string(text)); d != "" {
		t.Errorf("record.json (-golden +written):\n%s", d)
	}
	got, err := record.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Addr{})); d != "" {
		t.Error(d)
	}
	if !record.Same(want, got) || got.Content() != 2 {
		t.Errorf("%+v", got)
	}
	got.Of = nil
	if record.Same(want, got) || got.Content() != 4 {
		t.Errorf("%+v", got)
	}
}

// TestBad: what Bytes would not write is refused, with what is wrong.
func TestBad(t *testing.T) {
	t.Parallel()
	good := string(lab().Bytes())
	for _, c := range []struct{ name, old, with, want string }{
		{"a later format", `"format": 1`, `"format": 7`, `written by kplb v1.4.0, format 7; this kplb knows up to format 1`},
		{"a later format of a hostile version", "\"format\": 1,\n \"kplb\": \"v1.4.0\"", `"format": 7, "kplb": "v1\u001b[2J"`, `written by kplb of an unknown version, format 7; this kplb knows up to format 1`},
		{"a later format with other fields", `"format": 1`, `"format": 7, "soul": {"id": 1}`, `written by kplb v1.4.0, format 7; this kplb knows up to format 1`},
		{"no format", `"format": 1,`, ``, `is no record: it has no format`},
		{"a format below 1", `"format": 1`, `"format": -1`, `is no record: it has no format`},
		{"an unknown field", `"format": 1`, `"format": 1, "soul": 1`, `is no record: unknown field "soul"`},
		{"another type", `"generation": 4`, `"generation": "4"`, `is no record: cannot unmarshal string into Go struct field Record.generation of type int`},
		{"a number that is none", `"generation": 4`, `"generation": 4.5`, `is no record: cannot unmarshal number 4.5 into Go struct field Record.generation of type int`},
		{"generation 0", `"generation": 4`, `"generation": 0`, `is no record: generation 0 is not a number of one`},
		{"a huge generation", `"generation": 4`, `"generation": 4000000000`, `is no record: generation 4000000000 is not a number of one`},
		{"back to what comes later", `"of": 2`, `"of": 4`, `is no record: of 4 is not a generation before 4`},
		{"an id", `0123456789abcdef0123456789abcdef`, `0123`, `is no record: cluster.id "0123" is not 32 hexadecimal digits`},
		{"a name", `"name": "lab"`, `"name": "../lab"`, `is no record: cluster.name "../lab" is not a name`},
		{"a version", `v1.4.0`, `v1 4`, `is no record: kplb "v1 4" is not a version`},
		{"by", `ann@desk`, `ann`, `is no record: by "ann" is not user@host`},
		{"by with control characters", `ann@desk`, `ann@\u001b[31mdesk`, `is no record: by "ann@\x1b[31mdesk" is not user@host`},
		{"a time of another zone", `2026-11-20T20:00:00Z`, `2026-11-20T20:00:00+01:00`, `is no record: time 2026-11-20T20:00:00+01:00 is not one of UTC in seconds`},
		{"a time that is none", `2026-11-20T20:00:00Z`, `yesterday`, `is no record: parsing time "yesterday" as "2006-01-02T15:04:05Z07:00": cannot parse "yesterday" as "2006"`},
		{"a node's name", `"name": "worker-1"`, `"name": "Worker 1"`, `is no record: members[1].name "Worker 1" is not a name`},
		{"a name twice", `"name": "worker-1"`, `"name": "node-1"`, `is no record: members[1].name node-1 is that of another member`},
		{"an address twice", `fd00::11`, `10.1.1.1`, `is no record: members[1].address 10.1.1.1 is that of another member`},
		{"no address of a node", `10.1.1.1`, `224.0.0.1`, `is no record: members[0].address 224.0.0.1 is not the address of a node`},
		{"no address", `10.1.1.1`, ``, `is no record: members[0].address invalid IP is not the address of a node`},
		{"a role", `"role": "worker"`, `"role": "king"`, `is no record: members[1].role "king" is neither node nor worker`},
		{"a host that is an option", `host-1`, `-oProxyCommand=id`, `is no record: members[0].ssh.host "-oProxyCommand=id" is not a host`},
		{"a user", `debian`, `root;id`, `is no record: members[0].ssh.user "root;id" is not a login name`},
		{"a hop", `ann@jump:22`, `-oProxyCommand=id`, `is no record: members[0].ssh.jump "-oProxyCommand=id" is not [user@]host[:port]`},
		{"a port", `2222`, `66000`, `is no record: cannot unmarshal number 66000 into Go struct field SSH.members.ssh.port of type uint16`},
		{"a path", `/etc/haproxy/haproxy.cfg`, `/etc/a b`, `is no record: changes[0].files: "/etc/a b" is not a path`},
		{"a second value", "\"inventory\": \"apiVersion: kplb/v1alpha1\\n\"\n}", "\"inventory\": \"\"\n}\n{}", `is no record: invalid character '{' after top-level value`},
	} {
		text := strings.Replace(good, c.old, c.with, 1)
		if text == good {
			t.Errorf("%s: nothing was replaced", c.name)
		}
		_, err := record.Parse([]byte(text))
		if err == nil {
			t.Errorf("%s is taken", c.name)
		} else if err.Error() != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, err, c.want)
		}
	}
	for name, c := range map[string]struct{ text, want string }{
		"nothing":  {"", "is no record: unexpected end of JSON input"},
		"a list":   {"[]", "is no record: cannot unmarshal array into Go value of type struct { Format *int \"json:\\\"format\\\"\"; Version string \"json:\\\"kplb\\\"\" }"},
		"too much": {strings.Repeat(" ", record.MaxSize+1), "has 262145 bytes, more than the 262144 of a record"},
		"members":  {strings.Replace(good, `"members": [`, `"members": [], "xmembers": [`, 1), `is no record: unknown field "xmembers"`},
	} {
		if _, err := record.Parse([]byte(c.text)); err == nil || err.Error() != c.want {
			t.Errorf("%s:\n got %v\nwant %s", name, err, c.want)
		}
	}
}

// FuzzParse wants no panic, and what is taken to be written as it was read.
func FuzzParse(f *testing.F) {
	f.Add(lab().Bytes())
	f.Add([]byte(`{"format":2,"kplb":"v2"}`))
	f.Add([]byte(`{"format":1,"members":[{"address":"1.2.3.4%eth0"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := record.Parse(data)
		if err != nil {
			if strings.ContainsFunc(err.Error(), func(c rune) bool { return c < ' ' }) {
				t.Errorf("the error has control characters: %q", err)
			}
			return
		}
		again, err := record.Parse(r.Bytes())
		if err != nil || !record.Same(r, again) {
			t.Errorf("%v\n%s", err, r.Bytes())
		}
	})
}
