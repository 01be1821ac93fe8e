package sshconfig

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/kplb/kplb/remote/failure"
)

// apply takes over what the Target left open.
func (h *Hop) apply(ctx context.Context, a *asker) error {
	s := a.settings
	if host := s.first("hostname"); host != "" {
		h.Host = host
	}
	if err := checkHost(h.Host); err != nil {
		return err
	}
	if h.User == "" {
		h.User = s.first("user")
	}
	if port, err := strconv.ParseUint(s.first("port"), 10, 16); err == nil && h.Port == 0 {
		h.Port = uint16(port)
	}
	if err := checkUser(h.User); err != nil {
		return err
	}
	if err := a.refuse(len(h.KnownHosts) > 0); err != nil {
		return err
	}
	h.Alias = s.first("hostkeyalias")
	h.CheckIP = s.on("checkhostip")
	h.Batch = s.on("batchmode")
	h.Prompts, _ = strconv.Atoi(s.first("numberofpasswordprompts"))
	h.Withheld = s.withheld()
	h.Family, h.Bind = s.first("addressfamily"), s.first("bindaddress")
	h.MinRSA, _ = strconv.Atoi(s.first("requiredrsasize"))
	h.applyAgent(s)
	if err := h.applyIdentities(ctx, a); err != nil {
		return err
	}
	if err := h.applyKnownHosts(ctx, a); err != nil {
		return err
	}
	return h.applyAlgorithms(a)
}

// withheld are the methods besides keys that PasswordAuthentication, KbdInteractiveAuthentication or PreferredAuthentications switch off.
func (s settings) withheld() (methods []string) {
	preferred := s.first("preferredauthentications")
	for method, keyword := range map[string]string{MethodPassword: "passwordauthentication", MethodQuestion: "kbdinteractiveauthentication"} {
		off := s.first(keyword) == "no" || s.first(keyword) == "false"
		if off || preferred != "" && !slices.Contains(strings.Split(preferred, ","), method) {
			methods = append(methods, method)
		}
	}
	return methods
}

// applyProxy takes over how the host is reached: by the command, or over the jumps
// that are given back.
func (h *Hop) applyProxy(s settings) (jumps []string, err error) {
	if jumps := s.first("proxyjump"); jumps != "" {
		jumps, err = h.expandProxy(jumps)
		return strings.Split(jumps, ","), err
	}
	h.Proxy, err = h.expandProxy(s.first("proxycommand"))
	return nil, err
}

// expandProxy puts in what ProxyCommand and ProxyJump may refer to.
func (h *Hop) expandProxy(text string) (string, error) {
	alias := h.Alias
	if alias == "" {
		alias = h.Written
	}
	tokens := map[byte]string{'%': "%", 'h': h.Host, 'n': h.Written, 'p': strconv.Itoa(int(h.Port)), 'r': h.User, 'k': alias}
	var out strings.Builder
	for {
		before, after, found := strings.Cut(text, "%")
		out.WriteString(before)
		if !found {
			return out.String(), nil
		}
		if after == "" {
			return "", fmt.Errorf("%w: ssh_config gives it a ProxyCommand or ProxyJump that ends in %%", failure.ErrTarget)
		}
		value, ok := tokens[after[0]]
		if !ok {
			return "", fmt.Errorf("%w: ssh_config gives it a ProxyCommand or ProxyJump with %%%c, which means nothing there", failure.ErrTarget, after[0])
		}
		out.WriteString(value)
		text = after[1:]
	}
}
