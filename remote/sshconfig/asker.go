package sshconfig

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/kplb/kplb/remote/failure"
)

// asks says whether there is anything that ssh -G could know. A file that
// nobody can read is no reason to go on without it.
func (from Source) asks() (bool, error) {
	file := from.configFile()
	if file == "" {
		return false, nil
	}
	if _, err := exec.LookPath("ssh"); err != nil {
		return false, failure.WithHint(
			fmt.Errorf("%w: %s is there, and no ssh in PATH to read it", failure.ErrTarget, file),
			"install OpenSSH's client (openssh-client), or do without the file: --ssh-config none",
		)
	}
	return true, nil
}

// configFile names the file because of which ssh is asked.
func (from Source) configFile() string {
	if from.File != "" {
		return from.File
	}
	if !from.Asked {
		return ""
	}
	for _, path := range []string{filepath.Join(homeDir(), ".ssh", "config"), "/etc/ssh/ssh_config"} {
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			return path
		}
	}
	return ""
}

// settings are what ssh -G prints: a lower-cased keyword and its value per line.
type settings map[string][]string

// asker asks ssh about one Target.
type asker struct {
	file     string // -F; empty: the usual ones
	host     string
	user     string
	port     uint16
	settings settings
	defaults settings
}

// newAsker has ssh read its files for t.
func newAsker(ctx context.Context, t Target, from Source) (*asker, error) {
	a := &asker{file: from.File, host: t.Host, user: t.User, port: t.Port}
	var err error
	if a.settings, err = a.ask(ctx); err != nil {
		return nil, err
	}
	a.defaults, err = sshDefaults(ctx)
	return a, err
}

func (a *asker) ask(ctx context.Context, more ...string) (settings, error) {
	args := []string{"-G", "-N"} // without -N, it wants a command where ForkAfterAuthentication is set
	if a.file != "" {
		args = append(args, "-F", a.file)
	}
	if a.user != "" {
		args = append(args, "-l", a.user)
	}
	if a.port != 0 {
		args = append(args, "-p", strconv.Itoa(int(a.port)))
	}
	args = append(args, more...)
	cmd := exec.CommandContext(ctx, "ssh", append(args, "--", a.host)...) // checked host and user, no shell
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("%w: ssh -G %s: %s", failure.ErrTarget, a.host, failure.LastLines(failure.Clean(stderr.String()+"\n"+err.Error())))
	}
	found := settings{}
	lines := bufio.NewScanner(&stdout)
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), " ")
		key = strings.ToLower(key) // canonicalizePermittedcnames
		found[key] = append(found[key], strings.TrimRight(value, " "))
	}
	return found, lines.Err()
}

// askedSSH has the defaults of each ssh that was asked, by its path.
var askedSSH struct {
	sync.Mutex
	defaults map[string]settings
}

// sshDefaults are the settings of a host of which no file says anything. What
// differs from them was written by somebody. controlpath is the home directory.
func sshDefaults(ctx context.Context) (settings, error) {
	path, err := exec.LookPath("ssh")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", failure.ErrTarget, err)
	}
	askedSSH.Lock()
	defer askedSSH.Unlock()
	if found := askedSSH.defaults[path]; found != nil {
		return found, nil
	}
	a := &asker{file: "none", host: "localhost"}
	found, err := a.ask(ctx, "-o", "ControlPath=~/")
	if err != nil {
		return nil, err
	}
	if askedSSH.defaults == nil {
		askedSSH.defaults = map[string]settings{}
	}
	askedSSH.defaults[path] = found
	return found, nil
}

// written says whether a file sets a keyword to something else than its default.
func (a *asker) written(key string) bool {
	return strings.Join(a.settings[key], "\n") != strings.Join(a.defaults[key], "\n")
}

func (s settings) first(key string) string {
	if len(s[key]) == 0 || s[key][0] == "none" {
		return ""
	}
	return s[key][0]
}

func (s settings) on(key string) bool { return s.first(key) == "yes" || s.first(key) == "true" }

// Hint gives what to do about an error of Resolve, or "" where there is nothing to say.
func Hint(err error) string {
	var hinted interface{ Hint() string }
	if errors.As(err, &hinted) {
		return hinted.Hint()
	}
	return ""
}
