package remote

import (
	"fmt"
	"time"
)

// keepAlive gives a connection up that leaves a probe unanswered for one interval, so that nothing waits longer than two
// intervals for a host that is gone. It ends with the connection.
func (h *Host) keepAlive() {
	interval := h.opts.keepalive()
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	answered := make(chan error, 1)
	for {
		select {
		case <-h.gone:
			return
		case <-ticker.C:
		}
		go func() {
			// sshd answers "no", which is an answer.
			_, _, err := h.client.SendRequest("keepalive@openssh.com", true, nil)
			answered <- err
		}()
		ticker.Reset(interval)
		select {
		case <-h.gone:
			return
		case err := <-answered:
			if err != nil {
				return
			}
		case <-ticker.C:
			h.end(fmt.Errorf("no answer for %s", interval))
			return
		}
	}
}
