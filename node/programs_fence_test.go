package node

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/node/programtest"
	clusterrecord "github.com/kplb/kplb/record"
)

// recordOf is the record of a generation of home.
func recordOf(generation int) *clusterrecord.Record {
	return &clusterrecord.Record{
		Format: clusterrecord.Format, Version: "v1.0.0", Cluster: clusterrecord.Cluster{ID: "0123456789abcdef0123456789abcdef", Name: "home"}, Generation: generation,
		By: "ann@desk", Time: time.Date(2026, 11, 20, 20, 0, 0, 0, time.UTC), Changes: []clusterrecord.Change{},
		Members: []clusterrecord.Member{{Name: "node-1", Role: clusterrecord.ControlPlane, Address: netip.MustParseAddr("10.1.1.1")}},
	}
}

// looksAt inspects the node for real.
func (o operator) looksAt(t *testing.T) *Facts {
	t.Helper()
	f, err := Inspect(t.Context(), o.node.Dial(), kubeadm.Distribution{}, InspectRequest{})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// confirms makes a generation of the number, with the record.
func (o operator) confirms(t *testing.T, number, content string) {
	t.Helper()
	s := o.level(number)
	s.Files["record"] = []byte(content)
	if a := o.node.Run(s); !a.Done() {
		t.Fatal(a)
	}
}

// TestProgramsInspectRecord: an inspection brings the record of the current generation, and
// nothing that is not one is taken for it.
func TestProgramsInspectRecord(t *testing.T) {
	t.Parallel()
	programtest.EachShell(t, func(t *testing.T, shell string) {
		o := freshNode(t, shell)
		f := o.looksAt(t)
		same(t, "nothing was ever done", []any{f.Recorded.Record == nil, f.Recorded.Err == nil, f.Unknown == nil}, []any{true, true, true})
		o.confirms(t, "3", string(recordOf(3).Bytes()))
		same(t, "record", o.looksAt(t).Recorded, Recorded{Record: recordOf(3)})
		o.txn = "txn2"
		o.confirms(t, "7", string(recordOf(7).Bytes()))
		same(t, "the current one", o.looksAt(t).Recorded.Record.Generation, 7)
		list, err := Generations(t.Context(), o.node.Dial())
		says(t, err, "")
		same(t, "all of them", []any{list[1].Record.Generation, list[2].Record.Generation, list[2].Current}, []any{3, 7, true})

		before := o.node.Tree()
		earlier := map[string]int{ // a kplb without records has made the current one
			"rm generations/7/record": 3, "mkdir pending && echo '{\"format\": 3}' >pending/record; echo 9 >current": 7,
		}
		for do, want := range map[string]string{
			"cp generations/3/record generations/7/record":                             "/var/lib/kplb/generations/7/record: is of generation 3",
			"echo '{\"format\": 2, \"kplb\": \"v9.0.0\"}' >generations/7/record":       "/var/lib/kplb/generations/7/record: written by kplb v9.0.0, format 2; this kplb knows up to format 1",
			": >generations/7/record":                                                  "/var/lib/kplb/generations/7/record: is no record: unexpected end of JSON input",
			"echo 3 >current; echo x >generations/3/record":                            "/var/lib/kplb/generations/3/record: is no record: invalid character 'x' looking for beginning of value",
			"rm generations/7/record":                                                  "",
			"rm generations/7/record; ln -s /etc/passwd generations/7/record":          "/var/lib/kplb/generations/7/record: is not a regular file",
			"echo '../../../../etc' >current":                                          "",
			"mkdir pending && echo '{\"format\": 3}' >pending/record; echo 9 >current": "/var/lib/kplb/pending/record: written by kplb of an unknown version, format 3; this kplb knows up to format 1",
		} {
			o.node.Must("cd " + basePath + " && " + do)
			f := o.looksAt(t)
			generation := 0
			if f.Recorded.Record != nil {
				generation = f.Recorded.Record.Generation
			}
			same(t, do+": record of generation", generation, earlier[do])
			says(t, errors.Join(f.Recorded.Err, f.PendingRecorded.Err), want)
			o.node.Reset(before)
		}
	})
}

// TestProgramsUnknown: what kplb does not know in its places is named, and stays whatever
// is done.
func TestProgramsUnknown(t *testing.T) {
	t.Parallel()
	programtest.EachShell(t, func(t *testing.T, shell string) {
		o := afterFirst(t, shell)
		same(t, "nothing", len(o.looksAt(t).Unknown), 0)
		unknown := []string{
			"/etc/haproxy/kplb-new.map", "/etc/keepalived/kplb-new", "/etc/modules-load.d/kplb-new.conf", "/etc/sysctl.d/91-kplb-new.conf",
			"/etc/systemd/system/haproxy.service.d/60-kplb.conf", "/etc/systemd/system/kplb-new.timer",
		}
		for _, path := range unknown {
			o.node.Must("mkdir -p " + path[:strings.LastIndex(path, "/")])
			o.node.Write(path, "new\n", 0o644)
		}
		o.node.Must("touch '/etc/haproxy/kplb a b' /etc/haproxy/mine.cfg /etc/keepalived/.kplb-keepalived.conf")
		got := o.looksAt(t).Unknown
		same(t, "unknown", strings.Join(got, "\n"), strings.Join([]string{unknown[0], unknown[1], unknown[5], unknown[4], unknown[3], unknown[2]}, "\n"))

		o.does(t, second, "confirm")
		o.txn = "txn3"
		o.node.Must("rm -rf " + basePath + "/pending")
		if a := o.node.Run(o.script("forget", map[string]string{"KPLB_DIRS": "/etc/haproxy /etc/keepalived"}, nil)); !a.Done() {
			t.Fatal(a)
		}
		for _, path := range unknown {
			same(t, path, o.node.Read(path), "new\n")
		}
	})
}

// TestProgramsRecordKept: an older kplb that knows no record, and gives none, leaves a
// generation without one, which says that it is an older one's.
func TestProgramsRecordKept(t *testing.T) {
	t.Parallel()
	programtest.EachShell(t, func(t *testing.T, shell string) {
		o := freshNode(t, shell)
		o.confirms(t, "3", string(recordOf(3).Bytes()))
		o.txn = "txn2"
		o.does(t, first, "transact")
		o.node.Must("rm -f " + basePath + "/pending/record " + basePath + "/pending/number")
		for _, step := range o.steps(first) {
			switch step.name {
			case "stage", "transact":
			default:
				if a := step.run(); !a.Done() {
					t.Fatalf("%s: %s", step.name, a)
				}
			}
		}
		f := o.looksAt(t)
		same(t, "current", f.Generation(), "4")
		same(t, "record", f.Recorded, Recorded{Record: recordOf(3)})
		list, err := Generations(t.Context(), o.node.Dial())
		says(t, err, "")
		same(t, "who has it", []any{list[1].Record.Generation, list[2].Record == nil}, []any{3, true})
		_, err = ReadSnapshot(t.Context(), o.node.Dial(), layout, 4)
		says(t, err, "")
	})
}
