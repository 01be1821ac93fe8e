package sshconfig

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/kplb/kplb/remote/failure"
)

// maxJumps bounds a chain, so that a host that jumps over itself ends.
const maxJumps = 8

// Resolve gives the hops to t, the first one first and t itself last; there are at most 9. Names are checked and gaps filled: a Hop needs
// nothing more of ssh_config. Errors wrap failure.ErrTarget, or are the one of ctx; Hint says what to do about them.
func Resolve(ctx context.Context, t Target, from Source) ([]Hop, error) {
	return resolveChain(ctx, t, from, maxJumps)
}

func resolveChain(ctx context.Context, t Target, from Source, depth int) ([]Hop, error) {
	if depth < 0 {
		return nil, fmt.Errorf("%w: more than %d jump hosts", failure.ErrTarget, maxJumps)
	}
	last, jumps, err := resolveOne(ctx, t, from)
	if err != nil {
		return nil, err
	}
	var chain []Hop
	for i, jump := range jumps {
		j, err := parseJump(jump)
		if err != nil {
			return nil, err
		}
		// Like ssh -J: only the first hop may have jumps of its own, the others are reached through the one before.
		if i > 0 {
			j.ProxyJump = []string{}
		}
		hops, err := resolveChain(ctx, j, from, depth-1-len(chain))
		if err != nil {
			if depth == maxJumps {
				err = fmt.Errorf("jump host %s: %w", jump, err)
			}
			return nil, err
		}
		// ssh would not, but here nobody can name a file for the jump host alone.
		for i := range hops {
			if len(hops[i].Identities) == 0 {
				hops[i].Identities = expandHomes(t.IdentityFiles)
			}
		}
		chain = append(chain, hops...)
	}
	return append(chain, last), nil
}

// resolveOne fills the Target's gaps from ssh_config and the defaults. A ProxyJump that is empty but not nil means none.
func resolveOne(ctx context.Context, t Target, from Source) (Hop, []string, error) {
	if err := errors.Join(checkHost(t.Host), checkUser(t.User)); err != nil {
		return Hop{}, nil, err
	}
	h := Hop{Name: t.Name, Written: t.Host, Host: t.Host, Port: t.Port, User: t.User, Agent: os.Getenv("SSH_AUTH_SOCK"), KnownHosts: expandHomes(from.KnownHosts)}
	h.Identities = expandHomes(t.IdentityFiles)
	if len(h.KnownHosts) > 0 {
		h.RecordIn = h.KnownHosts[0]
	}
	if h.Name == "" {
		h.Name = t.Host
	}
	jumps := t.ProxyJump
	ask, err := from.asks()
	if err != nil {
		return Hop{}, nil, err
	}
	if ask {
		a, err := newAsker(ctx, t, from)
		if err != nil {
			return Hop{}, nil, err
		}
		if err := h.apply(ctx, a); err != nil {
			return Hop{}, nil, err
		}
		h.applyDefaults()
		if jumps == nil {
			if jumps, err = h.applyProxy(a.settings); err != nil {
				return Hop{}, nil, err
			}
		}
	}
	h.applyDefaults()
	return h, jumps, nil
}

func (h *Hop) applyDefaults() {
	h.Algorithms.applyDefaults()
	if h.Port == 0 {
		h.Port = 22
	}
	if h.User == "" {
		h.User = currentUser()
	}
	if len(h.Identities) == 0 && !h.IdentitiesRead {
		h.Usual = nil
		for _, name := range []string{"id_ed25519", "id_ecdsa", "id_rsa"} {
			h.Usual = append(h.Usual, filepath.Join(homeDir(), ".ssh", name))
		}
	}
	if len(h.KnownHosts) == 0 && !h.KnownHostsRead {
		h.RecordIn = filepath.Join(homeDir(), ".ssh", "known_hosts")
		h.KnownHosts = []string{h.RecordIn, "/etc/ssh/ssh_known_hosts"}
	}
}
