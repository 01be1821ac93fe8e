package render

import (
	"bytes"
	"errors"
	"testing"
)

// TestReadWatchdog: who is killed for silence has somebody who speaks for it.
func TestReadWatchdog(t *testing.T) {
	t.Parallel()
	c := loadCluster(t, "../examples/minimal.yaml")
	artifacts, err := builtin(t).Node(c, c.Nodes[0], DefaultFacts(c.Nodes[0]))
	if err != nil {
		t.Fatal(err)
	}
	const untracked = "/etc/keepalived/keepalived.conf has no track_script that runs /etc/keepalived/kplb-check, and " +
		"/etc/systemd/system/keepalived.service.d/50-kplb.conf has WatchdogSec: systemd would kill keepalived again and again"
	for _, change := range []struct{ name, path, from, to, want string }{
		{"the built-in templates", KeepalivedPath, "", "", ""},
		{"the check is not tracked", KeepalivedPath, "    track_script {\n        kplb_check\n    }\n", "", untracked},
		{"another one is", KeepalivedPath, "    track_script {\n        kplb_check\n", "    track_script {\n        mine\n", untracked},
		{"another program is run", KeepalivedPath, `"/etc/keepalived/kplb-check"`, `"/etc/keepalived/mine"`, untracked},
		{"nobody speaks", CheckPath, "WATCHDOG=1", "", "/etc/keepalived/kplb-check does not tell systemd WATCHDOG=1, and " +
			"/etc/systemd/system/keepalived.service.d/50-kplb.conf has WatchdogSec: systemd would kill keepalived again and again"},
		{"nobody listens", KeepalivedUnitPath, "WatchdogSec=4\n", "", ""},
	} {
		content := map[string][]byte{}
		for _, a := range artifacts {
			content[a.Path] = a.Content
		}
		if change.from != "" && !bytes.Contains(content[change.path], []byte(change.from)) {
			t.Fatalf("%s: %s has no %q", change.name, change.path, change.from)
		}
		if change.from != "" {
			content[change.path] = bytes.ReplaceAll(content[change.path], []byte(change.from), []byte(change.to))
		}
		got := ""
		if err := errors.Join(readWatchdog(content)...); err != nil {
			got = err.Error()
		}
		if got != change.want {
			t.Errorf("%s: %q, want %q", change.name, got, change.want)
		}
	}
}
