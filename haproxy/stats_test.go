package haproxy

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseStats(t *testing.T) {
	t.Parallel()
	const header = "# pxname,svname,scur,stot,status,check_status,check_code,\n"
	server := func(name, status, check string, sessions, total int) ServerStats {
		return ServerStats{ServerState{name, status, check, sessions}, total}
	}
	for name, c := range map[string]struct {
		table string
		want  map[string][]ServerStats
	}{
		"two backends, without their sums": {
			header + "in,FRONTEND,9,9,OPEN,,,\nkube-apiserver,a,2,7,UP,L7OK,200,\nkube-apiserver,b,0,3,DOWN,L4CON,,\nkube-apiserver,BACKEND,2,10,UP,,,\nservice-web,a,1,1,UP 1/2,L4OK,,\n",
			map[string][]ServerStats{
				"kube-apiserver": {server("a", "UP", "L7OK/200", 2, 7), server("b", "DOWN", "L4CON", 0, 3)},
				"service-web":    {server("a", "UP 1/2", "L4OK", 1, 1)},
			},
		},
		"columns in another order": {
			"# status,svname,pxname,scur\nUP,a,kube-apiserver,7\n",
			map[string][]ServerStats{"kube-apiserver": {server("a", "UP", "", 7, 0)}},
		},
		"the next check is under way": {
			header + "b,a,0,0,DOWN,* L7STS,500,\n",
			map[string][]ServerStats{"b": {server("a", "DOWN", "L7STS/500", 0, 0)}},
		},
		"a short row, and no number": {
			header + "b\nb,a,many,-,\n",
			map[string][]ServerStats{"b": {{}, server("a", "", "", 0, 0)}},
		},
		"no server":               {header, map[string][]ServerStats{}},
		"nothing":                 {"", nil},
		"a quote that never ends": {header + "b,\"a,0,0,UP\n", nil},
	} {
		got := ParseStats([]byte(c.table))
		if d := cmp.Diff(c.want, got); d != "" || (got == nil) != (c.want == nil) {
			t.Errorf("%s: got %#v (-want +got):\n%s", name, got, d)
		}
	}
}

func TestUp(t *testing.T) {
	t.Parallel()
	for status, want := range map[string]bool{"UP": true, "UP 1/2": true, "DOWN": false, "DOWN 1/2": false, "MAINT": false, "NOLB": false, "": false} {
		if got := (ServerState{Status: status}).Up(); got != want {
			t.Errorf("%s: %t", status, got)
		}
	}
}

// FuzzParseStats: no answer, however broken, does harm.
func FuzzParseStats(f *testing.F) {
	f.Add([]byte("# pxname,svname,scur,stot,status\nb,a,1,2,UP\n"))
	f.Add([]byte("# \n,\n"))
	f.Fuzz(func(t *testing.T, table []byte) {
		for _, servers := range ParseStats(table) {
			for _, s := range servers {
				if s.Name == "BACKEND" || s.Name == "FRONTEND" {
					t.Errorf("%s is no server", s.Name)
				}
			}
		}
	})
}
