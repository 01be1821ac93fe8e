package remote

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// maxJumps bounds a chain, so that a host that jumps over itself ends.
const maxJumps = 8

// resolve gives the hops to t, the last one being t itself.
func resolve(ctx context.Context, t Target, o Options) ([]hop, error) {
	return resolveChain(ctx, t, o, maxJumps)
}

func resolveChain(ctx context.Context, t Target, o Options, depth int) ([]hop, error) {
	if depth < 0 {
		return nil, fmt.Errorf("%w: more than %d jump hosts", ErrTarget, maxJumps)
	}
	last, jumps, err := resolveOne(ctx, t, o)
	if err != nil {
		return nil, err
	}
	var chain []hop
	for i, jump := range jumps {
		j, err := parseJump(jump)
		if err != nil {
			return nil, err
		}
		// Like ssh -J: only the first hop may have jumps of its own, the others are reached through the one before.
		if i > 0 {
			j.ProxyJump = []string{}
		}
		hops, err := resolveChain(ctx, j, o, depth-1-len(chain))
		if err != nil {
			if depth == maxJumps {
				err = fmt.Errorf("jump host %s: %w", jump, err)
			}
			return nil, err
		}
		// ssh would not, but here nobody can name a file for the jump host alone.
		for i := range hops {
			if len(hops[i].identities) == 0 {
				hops[i].identities = expandHomes(t.IdentityFiles)
			}
		}
		chain = append(chain, hops...)
	}
	return append(chain, last), nil
}

// resolveOne fills the Target's gaps from ssh_config and the defaults. A ProxyJump that is empty but not nil means none.
func resolveOne(ctx context.Context, t Target, o Options) (hop, []string, error) {
	if err := errors.Join(checkHost(t.Host), checkUser(t.User)); err != nil {
		return hop{}, nil, err
	}
	h := hop{name: t.Name, written: t.Host, host: t.Host, port: t.Port, user: t.User, agent: os.Getenv("SSH_AUTH_SOCK"), knownHosts: expandHomes(o.KnownHosts)}
	h.identities = expandHomes(t.IdentityFiles)
	if len(h.knownHosts) > 0 {
		h.recordIn = h.knownHosts[0]
	}
	if h.name == "" {
		h.name = t.Host
	}
	jumps := t.ProxyJump
	ask, err := o.askSSH()
	if err != nil {
		return hop{}, nil, err
	}
	if ask {
		a, err := newAsker(ctx, t, o)
		if err != nil {
			return hop{}, nil, err
		}
		if err := h.apply(ctx, a); err != nil {
			return hop{}, nil, err
		}
		h.applyDefaults()
		if jumps == nil {
			if jumps, err = h.applyProxy(a.settings); err != nil {
				return hop{}, nil, err
			}
		}
	}
	h.applyDefaults()
	return h, jumps, nil
}

func (h *hop) applyDefaults() {
	if h.port == 0 {
		h.port = 22
	}
	if h.user == "" {
		h.user = currentUser()
	}
	if len(h.identities) == 0 && !h.identitiesRead {
		h.usual = nil
		for _, name := range []string{"id_ed25519", "id_ecdsa", "id_rsa"} {
			h.usual = append(h.usual, filepath.Join(homeDir(), ".ssh", name))
		}
	}
	if len(h.knownHosts) == 0 && !h.knownHostsRead {
		h.recordIn = filepath.Join(homeDir(), ".ssh", "known_hosts")
		h.knownHosts = []string{h.recordIn, "/etc/ssh/ssh_known_hosts"}
	}
}
