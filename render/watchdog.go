package render

import (
	"bytes"
	"fmt"
	"regexp"
)

var (
	checkBlock = regexp.MustCompile(`(?m)^\s*vrrp_script\s+(\S+)\s*\{[^}]*\bscript\s+"?` + regexp.QuoteMeta(CheckPath) + `\b`)
	trackBlock = regexp.MustCompile(`(?m)^\s*track_script\s*\{[^}]*\}`)
)

// readWatchdog checks that a keepalived which systemd kills when nothing is
// heard of it is heard: a template of somebody's own may have lost one half of
// that, and the VIP would move every few seconds.
func readWatchdog(content map[string][]byte) []error {
	if !regexp.MustCompile(`(?m)^WatchdogSec=[1-9]`).Match(content[KeepalivedUnitPath]) {
		return nil
	}
	if !bytes.Contains(content[CheckPath], []byte("WATCHDOG=1")) {
		return []error{fmt.Errorf("%s does not tell systemd WATCHDOG=1, and %s has WatchdogSec: systemd would kill keepalived again and again", CheckPath, KeepalivedUnitPath)}
	}
	if name := checkBlock.FindSubmatch(content[KeepalivedPath]); name != nil {
		for _, block := range trackBlock.FindAll(content[KeepalivedPath], -1) {
			if regexp.MustCompile(`\s` + regexp.QuoteMeta(string(name[1])) + `\s`).Match(block) {
				return nil
			}
		}
	}
	return []error{fmt.Errorf("%s has no track_script that runs %s, and %s has WatchdogSec: systemd would kill keepalived again and again", KeepalivedPath, CheckPath, KeepalivedUnitPath)}
}
