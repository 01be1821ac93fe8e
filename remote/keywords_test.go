package remote_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/kplb/kplb/remote/sshconfig"
)

// newer is what came after OpenSSH 9.2, Debian 12's, or is a patch of others.
var newer = []string{"ChannelTimeout", "ObscureKeystrokeTiming", "RefuseConnection", "Tag", "UseKeychain", "VersionAddendum", "WarnWeakCrypto"}

// TestDoneKeywordsAreTried wants a case in which ssh is asked, too, for each keyword
// that is done, but for those that ssh alone does: it is too old here. Questions
// need a terminal, so their cases are kplb's alone.
func TestDoneKeywordsAreTried(t *testing.T) {
	tried := map[string]bool{}
	for _, c := range slices.Concat(keyCases, trustCases, reachCases) {
		tried[c.keyword] = true
	}
	for config := range questionCases {
		keyword, _, _ := strings.Cut(config, " ")
		tried[keyword] = true
	}
	for name, treatment := range sshconfig.Keywords() {
		if treatment == "done" && !tried[name] && !slices.Contains(newer, name) {
			t.Errorf("no case is about %s", name)
		}
	}
}
