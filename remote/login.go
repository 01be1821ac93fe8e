package remote

import (
	"context"
	"net"
	"time"

	"golang.org/x/crypto/ssh"
)

// login makes one hop. The library's handshake knows neither context nor timeout, so closing the connection under it has to do: a
// deadline would not work on a connection that runs through a jump host.
func (h *Host) login(ctx context.Context, to hop, keys keyGate) (*ssh.Client, error) {
	limited, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	patience := h.opts.connectTimeout()
	clock := time.AfterFunc(patience, func() { cancel(ErrTimeout) })
	defer clock.Stop()
	attempt := &attempt{host: h.name, to: to, ctx: limited, timeout: patience, keys: keys}
	conn, err := h.connect(limited, to)
	if err != nil {
		return nil, attempt.unreachable(err)
	}
	stop := context.AfterFunc(limited, func() { _ = conn.Close() })
	ring := &keyring{ctx: limited, hop: to, passphrase: h.opts.Passphrase, pause: func() func() {
		clock.Stop()
		return func() { clock.Reset(patience) }
	}}
	attempt.ring = ring
	connected, channels, requests, err := ssh.NewClientConn(conn, to.addr(), clientConfig(to, keys, ring))
	if err == nil && !stop() {
		_ = connected.Close()
		err = context.Cause(limited)
	}
	if err != nil {
		stop()
		_ = conn.Close()
		return nil, attempt.refused(err)
	}
	return ssh.NewClient(connected, channels, requests), nil
}

// connect opens the TCP connection, from here or from the last jump host.
func (h *Host) connect(ctx context.Context, to hop) (net.Conn, error) {
	if len(h.chain) > 0 {
		return h.chain[len(h.chain)-1].DialContext(ctx, "tcp", to.addr())
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", to.addr())
	if err != nil {
		return nil, err
	}
	return quickAck(conn), nil
}

// clientConfig prefers what is cheap on small machines: X25519 alone costs a fraction of the hybrid exchanges, which are still offered
// for hosts that want nothing else; AES-GCM is in hardware nearly everywhere and is not concerned by Terrapin (CVE-2023-48795).
func clientConfig(to hop, keys keyGate, ring *keyring) *ssh.ClientConfig {
	return &ssh.ClientConfig{
		Config: ssh.Config{
			KeyExchanges: []string{ssh.KeyExchangeCurve25519, "curve25519-sha256@libssh.org", ssh.KeyExchangeECDHP256, ssh.KeyExchangeMLKEM768X25519,
				ssh.KeyExchangeECDHP384, ssh.KeyExchangeECDHP521, ssh.KeyExchangeDHGEXSHA256, ssh.KeyExchangeDH14SHA256, ssh.KeyExchangeDH16SHA512},
			Ciphers: []string{ssh.CipherAES128GCM, ssh.CipherAES256GCM, ssh.CipherChaCha20Poly1305, ssh.CipherAES128CTR, ssh.CipherAES192CTR, ssh.CipherAES256CTR},
		},
		User:              to.user,
		Auth:              []ssh.AuthMethod{ring.method()},
		HostKeyCallback:   keys.check,
		HostKeyAlgorithms: keys.algorithms(),
		ClientVersion:     "SSH-2.0-kplb",
	}
}
