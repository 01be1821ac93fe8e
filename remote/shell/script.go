// Package shell runs scripts as root over a connection that is there. It knows nothing of
// how the connection was made.
//
// The package guarantees:
//
//   - The host speaks first: a program is sent only when a new shell has printed its marks on
//     both streams, and sudo has let us through. What is in the way before that is named.
//   - A script that was cut short runs nothing of its body, and the error says so
//     (failure.ErrNotStarted).
//   - Nothing secret is in an argument or in the environment, and data of the caller is never
//     part of a command.
//   - What a host prints is bounded, and cleaned before anybody sees it.
//
// What can be wrong is in package failure.
package shell

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/kplb/kplb/remote/failure"
)

// Script is a constant POSIX sh program with typed data. It runs as root: through sudo when the login is not root.
//
// The body runs inside a function, with set -u, LC_ALL=C, a PATH of the system's directories, umask 077, /dev/null as
// standard input, and HUP and PIPE ignored, so that a lost connection does not stop it half-way. It may call
//
//	record KEY [FIELD…]              report a Record
//	record_data KEY [FIELD…] <FILE   report a Record whose last field is the bytes on standard input (see Record.Data)
//	kplb_file NAME                   print the bytes of Files[NAME]
//
// Reporting never fails the script. Anything else that it prints on standard output is ignored. Names that begin with kplb_
// are ours. A stream that was cut short executes nothing of the body.
type Script struct {
	Name  string            // what messages call it: one short printable line
	Doing string            // what it does, for messages, like "installing files"; empty: they name the script
	Body  string            // constant shell text; data goes into Vars and Files
	Vars  map[string]string // assigned before Body; names [A-Z][A-Z0-9_]*, values without NUL
	Files map[string][]byte // see kplb_file; names without NUL
	Limit time.Duration     // after it the node ends the script (SIGTERM, 10 s later SIGKILL); rounded up to seconds, 0: DefaultLimit

	// Resident has the body run in the shell itself that runs the connection's scripts, instead of one of its own: descriptors, traps
	// and variables that it sets stay until the connection ends, and whatever script comes then. All resident scripts of a Host run in
	// the same shell, which does not hand descriptor 8 on to others. No Limit ends the body: it must be short, and must not exit.
	Resident bool
	// Heartbeat is, when not 0, the interval at which that shell gets an empty line from then on, while no script runs in it. A body that
	// sets kplb_silence, in seconds, has the shell end when it gets nothing for that long.
	Heartbeat time.Duration
}

// DefaultLimit ends a script that names no limit of its own.
const DefaultLimit = 5 * time.Minute

// killAfter is what timeout(1) waits between SIGTERM and SIGKILL.
const killAfter = 10 * time.Second

var varName = regexp.MustCompile(`^[A-Z][A-Z0-9_]*$`)

// shellNames mean something to the shell or to us.
var shellNames = []string{"CDPATH", "ENV", "FUNCNEST", "HOME", "IFS", "LANG", "LINENO", "LC_ALL", "OLDPWD", "OPTARG", "OPTIND", "PATH",
	"PPID", "PS1", "PS2", "PS3", "PS4", "PWD", "SHELLOPTS", "UID", "EUID", "RANDOM", "SECONDS", "GROUPS", "SHLVL"}

// during is when something happened, for messages.
func (s Script) during() string {
	if s.Doing != "" {
		return "while " + s.Doing
	}
	return "during " + s.Name
}

func (s Script) check() error {
	if s.Name == "" || strings.ContainsAny(s.Name, "\n\t") || failure.Clean(s.Name) != s.Name {
		return fmt.Errorf("script %q %w: its name must be one printable line", s.Name, failure.ErrScript)
	}
	if strings.Contains(s.Body, "\x00") {
		return fmt.Errorf("script %s %w: its body holds a NUL", s.Name, failure.ErrScript)
	}
	for name, value := range s.Vars {
		if !varName.MatchString(name) || slices.Contains(shellNames, name) || strings.HasPrefix(name, "BASH") {
			return fmt.Errorf("script %s %w: %q cannot be the name of a variable", s.Name, failure.ErrScript, name)
		}
		if strings.Contains(value, "\x00") {
			return fmt.Errorf("script %s %w: the value of %s holds a NUL", s.Name, failure.ErrScript, name)
		}
	}
	for name := range s.Files {
		if strings.Contains(name, "\x00") {
			return fmt.Errorf("script %s %w: the name of file %q holds a NUL", s.Name, failure.ErrScript, name)
		}
	}
	return nil
}

// limit gives the limit in whole seconds, as timeout(1) of every system takes it.
func (s Script) limit() time.Duration {
	if s.Limit <= 0 {
		return DefaultLimit
	}
	return (s.Limit + time.Second - 1).Truncate(time.Second)
}

// preamble comes before the data. record escapes what would end a field or a line; printf is built in, so a nonce is in
// no process's arguments, and nothing but this shell knows it.
const preamble = `set -u
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
export PATH LC_ALL
umask 077
trap '' HUP PIPE
kplb_tab='	'
kplb_newline='
'
kplb_escape() {
	kplb_escaped=
	kplb_rest=$1
	while :; do
		kplb_head=${kplb_rest%%[\\"$kplb_tab$kplb_newline"]*}
		kplb_escaped=$kplb_escaped$kplb_head
		kplb_rest=${kplb_rest#"$kplb_head"}
		case $kplb_rest in
		\\*) kplb_escaped="$kplb_escaped\\\\" ;;
		"$kplb_tab"*) kplb_escaped="$kplb_escaped\\t" ;;
		"$kplb_newline"*) kplb_escaped="$kplb_escaped\\n" ;;
		*) return 0 ;;
		esac
		kplb_rest=${kplb_rest#?}
	done
}
record() {
	kplb_line=$kplb_nonce
	for kplb_field in "$@"; do
		case $kplb_field in
		*[\\"$kplb_tab$kplb_newline"]*)
			kplb_escape "$kplb_field"
			kplb_field=$kplb_escaped
			;;
		esac
		kplb_line=$kplb_line$kplb_tab$kplb_field
	done
	printf '%s\n' "$kplb_line" 2>/dev/null || :
}
record_data() {
	record "$@" "$(base64 -w 0)"
}
`

// stream gives everything that goes to the shell's standard input. The call comes last and its name ends in the nonce:
// no shorter stream runs anything.
func (s Script) stream(nonce string) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "# kplb: %s\n%skplb_nonce=%s\n", s.Name, preamble, nonce)
	for _, name := range slices.Sorted(maps.Keys(s.Vars)) {
		fmt.Fprintf(&b, "%s=%s\n", name, Quote(s.Vars[name]))
	}
	b.WriteString("kplb_file() {\ncase $1 in\n")
	for _, name := range slices.Sorted(maps.Keys(s.Files)) {
		fmt.Fprintf(&b, "%s) printf %%s %s | base64 -d ;;\n", Quote(name), base64.StdEncoding.EncodeToString(s.Files[name]))
	}
	b.WriteString("*) printf 'kplb_file: no file %s\\n' \"$1\" >&2; return 1 ;;\nesac\n}\n")
	fmt.Fprintf(&b, "kplb_main() {\n:\n%s\n}\n", s.Body)
	exit := "exit\n"
	if s.Resident {
		exit = ""
	}
	fmt.Fprintf(&b, "kplb_start_%s() {\nrecord\nkplb_main </dev/null\n%s}\nkplb_start_%s\n", nonce, exit, nonce)
	return []byte(b.String())
}

// Quote makes s one word of sh, whatever it holds but NUL, which no shell can carry.
func Quote(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// newNonce marks the lines of one run. 128 bits from the system: what a script prints by accident, or a file it prints on
// purpose, cannot be taken for a record.
func newNonce() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
