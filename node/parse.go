package node

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/kplb/kplb/remote"
)

// A node's output is read with the forms below and nothing looser: what does
// not fit is left out or refused, never guessed.

// maxFile bounds a file that is read from a node, in bytes.
const maxFile = 1 << 20

// parseAddresses reads `ip -o addr show`.
func parseAddresses(text string) []Address {
	var out []Address
	for _, line := range strings.Split(text, "\n") {
		field := strings.Fields(line)
		if len(field) < 4 || (field[2] != "inet" && field[2] != "inet6") {
			continue
		}
		// a point-to-point address has no prefix here
		prefix, err := netip.ParsePrefix(field[3])
		if err != nil {
			continue
		}
		name, _, _ := strings.Cut(field[1], "@")
		out = append(out, Address{Interface: remote.Clean(name), Prefix: prefix})
	}
	return out
}

var (
	processForm = regexp.MustCompile(`\(\("([^"]{1,64})"`)
	pidForm     = regexp.MustCompile(`pid=(\d{1,9})\b`)
	scopeForm   = regexp.MustCompile(`%[^:]*:`) // of a socket that is bound to an interface
)

// parseListeners reads `ss -Hltnp`. outside says of the processes of HAProxy's socket
// whose they are, if they are not haproxy.service's.
func parseListeners(text string, outside func(pids []int) string) []Listener {
	var out []Listener
	for _, line := range strings.Split(text, "\n") {
		field := strings.Fields(line)
		if len(field) < 4 {
			continue
		}
		local := scopeForm.ReplaceAllString(field[3], ":")
		address, err := netip.ParseAddrPort(strings.Replace(local, "*:", "[::]:", 1))
		if err != nil {
			continue
		}
		l := Listener{Address: netip.AddrPortFrom(address.Addr().Unmap(), address.Port())}
		if m := processForm.FindStringSubmatch(line); m != nil {
			l.Process = remote.Clean(m[1])
		}
		if l.Process == HAProxyProcess {
			l.Outside = outside(pidsIn(line))
		}
		out = append(out, l)
	}
	return out
}

func pidsIn(line string) []int {
	found := pidForm.FindAllStringSubmatch(line, -1)
	out := make([]int, 0, len(found))
	for _, m := range found {
		pid, _ := strconv.Atoi(m[1])
		out = append(out, pid)
	}
	return out
}

// parseUnits reads `systemctl show` of several units.
func parseUnits(text string) map[string]Unit {
	out := map[string]Unit{}
	for _, block := range strings.Split(text, "\n\n") {
		var id string
		var u Unit
		for _, line := range strings.Split(block, "\n") {
			key, value, _ := strings.Cut(line, "=")
			value = remote.Clean(value)
			switch key {
			case "Id":
				id = value
			case "LoadState":
				u.Load = value
			case "ActiveState":
				u.Active = value
			case "UnitFileState":
				u.File = value
			case "MainPID":
				u.MainPID, _ = strconv.Atoi(value)
			case "ExecStart":
				u.Command = append(u.Command, value)
			case "Environment":
				u.Environment = append(u.Environment, value)
			case "EnvironmentFiles":
				file, _, _ := strings.Cut(value, " (")
				u.EnvironmentFiles = append(u.EnvironmentFiles, file)
			case "LimitNOFILE":
				u.OpenFiles, _ = strconv.ParseUint(value, 10, 64)
			}
		}
		if id != "" {
			out[id] = u
		}
	}
	return out
}

// parseFiles reads an archive of the files that were asked for.
func parseFiles(archive []byte) (map[string]File, error) {
	out := map[string]File{}
	r := tar.NewReader(bytes.NewReader(archive))
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("archive of files: %w", err)
		}
		if h.Size > maxFile {
			return nil, fmt.Errorf("%s has %d bytes, more than the %d that are read", remote.Clean(h.Name), h.Size, maxFile)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			return nil, fmt.Errorf("archive of files: %w", err)
		}
		f := File{Mode: h.FileInfo().Mode(), UID: h.Uid, GID: h.Gid, Content: content}
		switch h.Typeflag {
		case tar.TypeSymlink:
			f.Content = []byte(h.Linkname)
		case tar.TypeLink: // the content is that of another entry
			f.Mode |= fs.ModeIrregular
		}
		out[path.Clean("/"+h.Name)] = f
	}
}
