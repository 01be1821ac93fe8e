package remote

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// askSSH says whether there is anything that ssh -G could know.
func (o Options) askSSH() bool {
	if o.SSHConfigFile != "" {
		return true
	}
	if !o.SSHConfig {
		return false
	}
	for _, path := range []string{filepath.Join(homeDir(), ".ssh", "config"), "/etc/ssh/ssh_config"} {
		if _, err := os.Stat(path); err == nil {
			_, err := exec.LookPath("ssh")
			return err == nil
		}
	}
	return false
}

// settings are what ssh -G prints: a lower-cased keyword and its value per line.
type settings map[string][]string

func sshConfig(ctx context.Context, t Target, o Options) (settings, error) {
	args := []string{"-G"}
	if o.SSHConfigFile != "" {
		args = append(args, "-F", o.SSHConfigFile)
	}
	if t.User != "" {
		args = append(args, "-l", t.User)
	}
	if t.Port != 0 {
		args = append(args, "-p", strconv.Itoa(int(t.Port)))
	}
	cmd := exec.CommandContext(ctx, "ssh", append(args, "--", t.Host)...) // checked host and user, no shell
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("%w: ssh -G %s: %s", ErrTarget, t.Host, lastLines(Clean(stderr.String()+"\n"+err.Error())))
	}
	found := settings{}
	lines := bufio.NewScanner(&stdout)
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), " ")
		found[key] = append(found[key], value)
	}
	return found, lines.Err()
}

func (s settings) first(key string) string {
	if len(s[key]) == 0 || s[key][0] == "none" {
		return ""
	}
	return s[key][0]
}

func (s settings) jumps() []string {
	if s.first("proxyjump") == "" {
		return nil
	}
	return strings.Split(s.first("proxyjump"), ",")
}

// apply takes over what the Target left open.
func (h *hop) apply(s settings) error {
	if command := s.first("proxycommand"); command != "" {
		return fmt.Errorf("%w: ssh_config gives it a ProxyCommand, which is not supported; use ProxyJump", ErrTarget)
	}
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
	h.alias = s.first("hostkeyalias")
	h.identitiesOnly = s.first("identitiesonly") == "yes"
	h.applyAgent(s)
	h.applyIdentities(s)
	if len(h.knownHosts) == 0 {
		files := strings.Fields(s.first("userknownhostsfile") + " " + s.first("globalknownhostsfile"))
		for _, file := range files {
			h.knownHosts = append(h.knownHosts, expandHome(file))
		}
	}
	return checkUser(h.user)
}

func (h *hop) applyAgent(s settings) {
	values := s["identityagent"]
	if len(values) == 0 || values[0] == "SSH_AUTH_SOCK" {
		return
	}
	switch value := values[0]; {
	case value == "none":
		h.agent = ""
	case strings.HasPrefix(value, "$"):
		h.agent = os.Getenv(strings.Trim(value, "${}"))
	default:
		h.agent = expandHome(value)
	}
}

// applyIdentities tells named files from the list of usual places that ssh -G prints when none is named.
func (h *hop) applyIdentities(s settings) {
	if len(h.identities) > 0 {
		return
	}
	files := s["identityfile"]
	if slices.Contains(files, "~/.ssh/id_ed25519") && slices.Contains(files, "~/.ssh/id_rsa") {
		return
	}
	for _, file := range files {
		if file != "none" {
			h.identities = append(h.identities, expandHome(file))
		}
	}
}
