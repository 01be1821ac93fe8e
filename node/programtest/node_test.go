package programtest_test

import (
	"strings"
	"testing"

	"github.com/kplb/kplb/node/programtest"
	"github.com/kplb/kplb/remote"
)

// TestNode: a program runs as root on a root file system of its own, and says
// what it has to say.
func TestNode(t *testing.T) {
	t.Parallel()
	programtest.EachShell(t, func(t *testing.T, shell string) {
		n := programtest.New(t, shell)
		a := n.Run(remote.Script{
			Body:  "record who \"$(id -u)\" \"$KPLB_X\"\nkplb_file data >/etc/new; record ls \"$(ls /etc/new /home 2>&1)\"; sleep 1.5; record up \"$(cat /proc/uptime)\"\nrecord done",
			Vars:  map[string]string{"KPLB_X": "it's\n\\"},
			Files: map[string][]byte{"data": []byte("content\n")},
		})
		if !a.Done() {
			t.Fatal(a)
		}
		if said := a.String(); !strings.Contains(said, "who 0 it's\n\\\n") || !strings.Contains(said, "up 101.50 0.00") {
			t.Errorf("%q", said)
		}
		if content := n.Read("/etc/new"); content != "content\n" {
			t.Errorf("%q", content)
		}
	})
}
