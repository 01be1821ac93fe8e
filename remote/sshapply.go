package remote

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// apply takes over what the Target left open.
func (h *hop) apply(ctx context.Context, a *asker) error {
	s := a.settings
	if host := s.first("hostname"); host != "" {
		h.host = host
	}
	if err := checkHost(h.host); err != nil {
		return err
	}
	if h.user == "" {
		h.user = s.first("user")
	}
	if port, err := strconv.ParseUint(s.first("port"), 10, 16); err == nil && h.port == 0 {
		h.port = uint16(port)
	}
	if err := checkUser(h.user); err != nil {
		return err
	}
	if err := a.refuse(len(h.knownHosts) > 0); err != nil {
		return err
	}
	h.alias = s.first("hostkeyalias")
	h.checkIP = s.on("checkhostip")
	h.batch = s.on("batchmode")
	h.prompts, _ = strconv.Atoi(s.first("numberofpasswordprompts"))
	h.withheld = s.withheld()
	h.family, h.bind = s.first("addressfamily"), s.first("bindaddress")
	h.minRSA, _ = strconv.Atoi(s.first("requiredrsasize"))
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
	for method, keyword := range map[string]string{methodPassword: "passwordauthentication", methodQuestion: "kbdinteractiveauthentication"} {
		off := s.first(keyword) == "no" || s.first(keyword) == "false"
		if off || preferred != "" && !slices.Contains(strings.Split(preferred, ","), method) {
			methods = append(methods, method)
		}
	}
	return methods
}

// applyProxy takes over how the host is reached: by the command, or over the jumps
// that are given back.
func (h *hop) applyProxy(s settings) (jumps []string, err error) {
	if jumps := s.first("proxyjump"); jumps != "" {
		jumps, err = h.expandProxy(jumps)
		return strings.Split(jumps, ","), err
	}
	h.proxy, err = h.expandProxy(s.first("proxycommand"))
	return nil, err
}

// expandProxy puts in what ProxyCommand and ProxyJump may refer to.
func (h *hop) expandProxy(text string) (string, error) {
	alias := h.alias
	if alias == "" {
		alias = h.written
	}
	tokens := map[byte]string{'%': "%", 'h': h.host, 'n': h.written, 'p': strconv.Itoa(int(h.port)), 'r': h.user, 'k': alias}
	var out strings.Builder
	for {
		before, after, found := strings.Cut(text, "%")
		out.WriteString(before)
		if !found {
			return out.String(), nil
		}
		if after == "" {
			return "", fmt.Errorf("%w: ssh_config gives it a ProxyCommand or ProxyJump that ends in %%", ErrTarget)
		}
		value, ok := tokens[after[0]]
		if !ok {
			return "", fmt.Errorf("%w: ssh_config gives it a ProxyCommand or ProxyJump with %%%c, which means nothing there", ErrTarget, after[0])
		}
		out.WriteString(value)
		text = after[1:]
	}
}
