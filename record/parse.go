package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// NewerError says that a record was written by a kplb whose format this one does not
// know. Nothing else of the record was read.
type NewerError struct {
	Version string // of that kplb
	Format  int
}

func (e *NewerError) Error() string {
	return fmt.Sprintf("written by kplb %s, format %d; this kplb knows up to format %d", e.Version, e.Format, Format)
}

// Hint says what to do about it.
func (e *NewerError) Hint() string { return "use kplb " + e.Version + " or a later one" }

// Parse reads a record that a node keeps. Its error is a *NewerError where the record
// has a later format.
func Parse(data []byte) (*Record, error) {
	if len(data) > MaxSize {
		return nil, fmt.Errorf("has %d bytes, more than the %d of a record", len(data), MaxSize)
	}
	if err := readable(data); err != nil {
		return nil, err
	}
	r := &Record{}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(r); err != nil {
		return nil, fmt.Errorf("is no record: %s", clean(err))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("is no record: something follows it")
	}
	if err := r.check(); err != nil {
		return nil, fmt.Errorf("is no record: %w", err)
	}
	return r, nil
}

// readable looks at the format, in which everything else is written.
func readable(data []byte) error {
	var header struct {
		Format  *int   `json:"format"`
		Version string `json:"kplb"`
	}
	switch err := json.Unmarshal(data, &header); {
	case err != nil:
		return fmt.Errorf("is no record: %s", clean(err))
	case header.Format == nil || *header.Format < 1:
		return errors.New("is no record: it has no format")
	case *header.Format > Format && versionForm.MatchString(header.Version):
		return &NewerError{header.Version, *header.Format}
	case *header.Format > Format:
		return &NewerError{"of an unknown version", *header.Format}
	}
	return nil
}

// clean is what a reader of JSON says, without what a hostile text may have in it.
func clean(err error) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, strings.TrimPrefix(err.Error(), "json: "))
}

var (
	versionForm = regexp.MustCompile(`^[A-Za-z0-9(][A-Za-z0-9.+()-]{0,95}$`)
	idForm      = regexp.MustCompile(`^[0-9a-f]{32}$`)
	nameForm    = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$`)
	byForm      = regexp.MustCompile(`^[^\s@]+@[^@]+$`)
	pathForm    = regexp.MustCompile(`^/[A-Za-z0-9/._@:+-]+$`)
	hostForm    = regexp.MustCompile(`^[A-Za-z0-9:][A-Za-z0-9._:-]{0,252}$`)
	userForm    = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9._-]{0,31}$`)
	hopForm     = regexp.MustCompile(`^([A-Za-z_][A-Za-z0-9._-]{0,31}@)?(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9][A-Za-z0-9._-]{0,252})(:[0-9]{1,5})?$`)
)

// The most of everything.
const (
	mostMembers = 5000
	mostFiles   = 200
	mostHops    = 64
	longestWord = 200
	highest     = 1 << 30 // generation
)

// check wants every field to have its form.
func (r *Record) check() error {
	switch {
	case !versionForm.MatchString(r.Version):
		return fmt.Errorf("kplb %q is not a version", short(r.Version))
	case !idForm.MatchString(r.Cluster.ID):
		return fmt.Errorf("cluster.id %q is not 32 hexadecimal digits", short(r.Cluster.ID))
	case !nameForm.MatchString(r.Cluster.Name):
		return fmt.Errorf("cluster.name %q is not a name", short(r.Cluster.Name))
	case r.Generation < 1 || r.Generation > highest:
		return fmt.Errorf("generation %d is not a number of one", r.Generation)
	case r.Of != nil && (*r.Of < 0 || *r.Of >= r.Generation):
		return fmt.Errorf("of %d is not a generation before %d", *r.Of, r.Generation)
	case !printable(r.By) || !byForm.MatchString(r.By):
		return fmt.Errorf("by %q is not user@host", short(r.By))
	case r.Time.IsZero() || r.Time.Location() != time.UTC || r.Time.Nanosecond() != 0:
		return fmt.Errorf("time %s is not one of UTC in seconds", r.Time.Format(time.RFC3339Nano))
	case !utf8.ValidString(r.Inventory):
		return errors.New("inventory is not UTF-8")
	}
	if err := checkMembers(r.Members); err != nil {
		return err
	}
	return checkChanges(r.Changes)
}

func checkMembers(members []Member) error {
	if len(members) == 0 || len(members) > mostMembers {
		return fmt.Errorf("it has %d members", len(members))
	}
	names, addresses := map[string]bool{}, map[netip.Addr]bool{}
	for i, m := range members {
		switch {
		case !nameForm.MatchString(m.Name):
			return fmt.Errorf("members[%d].name %q is not a name", i, short(m.Name))
		case names[m.Name]:
			return fmt.Errorf("members[%d].name %s is that of another member", i, m.Name)
		case m.Role != ControlPlane && m.Role != Worker:
			return fmt.Errorf("members[%d].role %q is neither node nor worker", i, short(string(m.Role)))
		case !m.Address.IsValid() || m.Address.Zone() != "" || m.Address.IsUnspecified() || m.Address.IsMulticast():
			return fmt.Errorf("members[%d].address %s is not the address of a node", i, m.Address)
		case addresses[m.Address]:
			return fmt.Errorf("members[%d].address %s is that of another member", i, m.Address)
		}
		if err := m.SSH.check(); err != nil {
			return fmt.Errorf("members[%d].ssh.%w", i, err)
		}
		names[m.Name], addresses[m.Address] = true, true
	}
	return nil
}

func (s SSH) check() error {
	switch {
	case s.Host != "" && !hostForm.MatchString(s.Host):
		return fmt.Errorf("host %q is not a host", short(s.Host))
	case s.User != "" && !userForm.MatchString(s.User):
		return fmt.Errorf("user %q is not a login name", short(s.User))
	case len(s.Jump) > mostHops:
		return fmt.Errorf("jump has %d hops", len(s.Jump))
	}
	for _, hop := range s.Jump {
		if !hopForm.MatchString(hop) {
			return fmt.Errorf("jump %q is not [user@]host[:port]", short(hop))
		}
	}
	return nil
}

func checkChanges(changes []Change) error {
	if len(changes) > mostMembers {
		return fmt.Errorf("it has changes of %d nodes", len(changes))
	}
	for i, c := range changes {
		if !nameForm.MatchString(c.Node) {
			return fmt.Errorf("changes[%d].node %q is not a name", i, short(c.Node))
		}
		if len(c.Files) > mostFiles {
			return fmt.Errorf("changes[%d] has %d files", i, len(c.Files))
		}
		for _, path := range c.Files {
			if len(path) > 4096 || !pathForm.MatchString(path) {
				return fmt.Errorf("changes[%d].files: %q is not a path", i, short(path))
			}
		}
	}
	return nil
}

// printable says whether a text of one line is fit to be shown.
func printable(s string) bool {
	return len(s) <= longestWord && utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

// short is the beginning of a text, for a message.
func short(s string) string {
	const most = 40
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
