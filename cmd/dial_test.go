package cmd

import (
	"testing"
	"time"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/remote"
	"github.com/kplb/kplb/remote/remotetest"
	"github.com/kplb/kplb/workstation"
)

// TestDialer reaches a node as the inventory says: directly, or over a jump host.
func TestDialer(t *testing.T) {
	t.Setenv("SSH_AUTH_SOCK", "")
	s, jump := remotetest.NewServer(t, remotetest.Options{Other: remotetest.RunShell}), remotetest.NewServer(t, remotetest.Options{})
	for _, c := range []struct {
		name  string
		jumps []string
		hops  int // channels that the jump host was asked for
	}{
		{"directly", nil, 0},
		{"none, against ssh_config", []string{"none"}, 0},
		{"over a jump host", []string{"root@" + jump.Addr()}, 1},
	} {
		before := len(jump.Requests())
		n := inventory.Node{Name: "node-1", SSH: inventory.SSH{
			Host: "127.0.0.1", Port: s.Port(), ProxyJump: c.jumps, IdentityFiles: append(s.Target().IdentityFiles, jump.Target().IdentityFiles...),
		}}
		set := &settings{workstation.Settings{SSHUser: "root", SSHConfig: "none", KnownHosts: []string{s.KnownHosts(), jump.KnownHosts()}, ConnectTimeout: 5 * time.Second}}
		h, err := command{&streams{}, set}.dialer()(t.Context(), n)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		said := ""
		if err := h.Run(t.Context(), remote.Script{Name: "x", Body: "record there"}, func(r remote.Record) error { said += r.Key; return nil }); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		same(t, c.name+": name", h.Name(), "node-1")
		same(t, c.name+": says", said, "there")
		same(t, c.name+": hops", len(jump.Requests())-before, c.hops)
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestDialerFails without a host: a connection that is not there is nil.
func TestDialerFails(t *testing.T) {
	t.Setenv("SSH_AUTH_SOCK", "")
	s := remotetest.NewServer(t, remotetest.Options{Faults: remotetest.Faults{RefuseAuth: true}})
	n := inventory.Node{Name: "node-1", SSH: inventory.SSH{Host: "127.0.0.1", Port: s.Port(), User: "pi", IdentityFiles: s.Target().IdentityFiles}}
	h, err := command{&streams{}, &settings{workstation.Settings{SSHConfig: "none", KnownHosts: []string{s.KnownHosts()}, ConnectTimeout: 5 * time.Second}}}.dialer()(t.Context(), n)
	if h != nil || err == nil {
		t.Errorf("%v, %v", h, err)
	}
}

// TestTarget: the inventory comes before the settings.
func TestTarget(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		ssh  inventory.SSH
		want remote.Target
	}{
		{"nothing said", inventory.SSH{Host: "10.1.1.1"}, remote.Target{Name: "node-1", Host: "10.1.1.1", User: "setting"}},
		{"a user", inventory.SSH{Host: "10.1.1.1", User: "pi", Port: 2222}, remote.Target{Name: "node-1", Host: "10.1.1.1", Port: 2222, User: "pi"}},
		{"no jumps, whatever ssh_config says", inventory.SSH{Host: "h", ProxyJump: []string{"none"}}, remote.Target{Name: "node-1", Host: "h", User: "setting", ProxyJump: []string{}}},
		{"jumps", inventory.SSH{Host: "h", ProxyJump: []string{"a", "b"}}, remote.Target{Name: "node-1", Host: "h", User: "setting", ProxyJump: []string{"a", "b"}}},
	} {
		same(t, c.name, target(&settings{workstation.Settings{SSHUser: "setting"}}, inventory.Node{Name: "node-1", SSH: c.ssh}), c.want)
	}
}

// TestRemoteOptions: what the settings say of SSH, and nothing else.
func TestRemoteOptions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		set           settings
		reads         bool // ssh_config
		file          string
		asksForPasswd bool
	}{
		{settings{}, true, "", false},
		{settings{workstation.Settings{SSHConfig: "none"}}, false, "", false},
		{settings{workstation.Settings{SSHConfig: "my", AskSudoPass: true}}, true, "my", true},
	} {
		o := command{&streams{}, &c.set}.remoteOptions()
		same(t, "reads ssh_config", o.SSHConfig, c.reads)
		same(t, "its file", o.SSHConfigFile, c.file)
		same(t, "asks for the password of sudo", o.SudoPassword != nil, c.asksForPasswd)
	}
}
