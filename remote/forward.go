package remote

import (
	"context"
	"errors"
	"fmt"
	"net"

	"golang.org/x/crypto/ssh"
)

// DialContext connects to a TCP address as seen from the host, through the connection that is there. The connection it returns has
// no deadlines; close it to end what waits on it. Errors wrap ErrForwardFailed (the host itself was refused), ErrForwarding,
// ErrConnectionLost, ErrClosed or the error of ctx. It fits http.Transport and tls.Dialer.
func (h *Host) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := h.client.DialContext(ctx, network, address)
	if err == nil {
		return conn, nil
	}
	var channel *ssh.OpenChannelError
	switch {
	case ctx.Err() != nil:
		return nil, h.error(interrupted(ctx, "while connecting to "+address, nil), "")
	case errors.As(err, &channel) && channel.Reason == ssh.Prohibited:
		return nil, h.error(fmt.Errorf("%w (%s)", ErrForwarding, Clean(channel.Message)), "AllowTcpForwarding yes in the host's sshd_config")
	case errors.As(err, &channel):
		return nil, h.error(fmt.Errorf("%w to %s: %s", ErrForwardFailed, address, Clean(channel.Message)), "")
	case h.lostCause() != nil:
		return nil, h.error(fmt.Errorf("%w: %w", ErrConnectionLost, h.lostCause()), "")
	}
	return nil, h.error(fmt.Errorf("%w to %s: %w", ErrForwardFailed, address, err), "")
}
