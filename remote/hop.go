package remote

import (
	"fmt"

	"github.com/kplb/kplb/remote/sshconfig"
)

// hop is one login, fully resolved, and what is decided by it: who the host has to be, and which keys it is offered.
type hop struct{ sshconfig.Hop }

// login is what ssh is called with to log in as we do.
func (h hop) login() string {
	to := shellWord(h.User + "@" + h.Host)
	if h.Port != 22 {
		return fmt.Sprintf("-p %d %s", h.Port, to)
	}
	return to
}
