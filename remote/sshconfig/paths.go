package sshconfig

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kplb/kplb/remote/failure"
)

// path resolves the name of one file as ssh does. ssh -G prints some names as they
// are written; ControlPath is one that it resolves, with the same rules for ~, %
// and ${}.
func (a *asker) path(ctx context.Context, written string) (string, error) {
	rest, inHome := strings.CutPrefix(written, "~/")
	if !strings.Contains(written, "%") && !strings.Contains(written, "${") && (inHome || !strings.HasPrefix(written, "~")) {
		if inHome {
			return filepath.Join(a.defaults.first("controlpath"), rest), nil
		}
		return written, nil
	}
	quoted := `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(written) + `"`
	found, err := a.ask(ctx, "-o", "ControlPath="+quoted)
	if err != nil {
		return "", err
	}
	return found.first("controlpath"), nil
}

// paths resolves the files that ssh -G prints one a line.
func (a *asker) paths(ctx context.Context, keyword string) ([]string, error) {
	var files []string
	for _, written := range a.settings[keyword] {
		if strings.EqualFold(written, "none") {
			continue
		}
		file, err := a.path(ctx, written)
		if err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	return files, nil
}

// list takes files apart that ssh -G prints on one line, without quotes: a word that
// is not the start of a path goes on with the one before it.
func (a *asker) list(keyword string) ([]string, error) {
	value := a.settings.first(keyword)
	if value == "" {
		return nil, nil
	}
	var files []string
	for word := range strings.SplitSeq(value, " ") {
		last := len(files) - 1
		switch {
		case strings.HasPrefix(word, "/"), strings.HasPrefix(word, "~"):
			files = append(files, word)
		case last < 0, isFile(files[last]):
			return nil, failure.WithHint(
				fmt.Errorf("%w: ssh_config gives it %s %s, which is not clear", failure.ErrTarget, keywordName(keyword), value),
				"write every path in full, from / on",
			)
		default:
			files[last] += " " + word
		}
	}
	return files, nil
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && !info.IsDir()
}

// applyKnownHosts takes over who is trusted, unless the caller has said it.
func (h *Hop) applyKnownHosts(ctx context.Context, a *asker) (err error) {
	if h.Revoked, err = a.list("revokedhostkeys"); err != nil {
		return err
	}
	if len(h.KnownHosts) > 0 {
		return nil
	}
	own, err := a.list("userknownhostsfile")
	if err != nil {
		return err
	}
	all, err := a.list("globalknownhostsfile")
	if err != nil {
		return err
	}
	for i, file := range all { // printed with ~, the only thing that has a meaning in it
		if strings.HasPrefix(file, "~") {
			if all[i], err = a.path(ctx, strings.ReplaceAll(file, "%", "%%")); err != nil {
				return err
			}
		}
	}
	h.KnownHosts, h.RecordIn = slices.Concat(own, all), ""
	if len(own) > 0 {
		h.RecordIn = own[0]
	}
	h.KnownHostsRead = true
	return nil
}

// applyIdentities tells named files from the list of usual places that ssh -G
// prints when none is named.
func (h *Hop) applyIdentities(ctx context.Context, a *asker) (err error) {
	h.IdentitiesOnly = a.settings.on("identitiesonly")
	if h.Certificates, err = a.paths(ctx, "certificatefile"); err != nil {
		return err
	}
	if len(h.Identities) > 0 {
		return nil
	}
	files, err := a.paths(ctx, "identityfile")
	if err != nil {
		return err
	}
	if a.written("identityfile") {
		h.Identities = files
	} else {
		h.Usual = files
	}
	h.IdentitiesRead = true
	return nil
}

func (h *Hop) applyAgent(s settings) {
	values := s["identityagent"]
	if len(values) == 0 || values[0] == "SSH_AUTH_SOCK" {
		return
	}
	switch value := values[0]; {
	case value == "none":
		h.Agent = ""
	case strings.HasPrefix(value, "$"):
		h.Agent = os.Getenv(strings.Trim(value, "${}"))
	default:
		h.Agent = expandHome(value)
	}
}
