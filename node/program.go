package node

import (
	"embed"
	"slices"
	"strings"
	"time"

	"github.com/kplb/kplb/remote"
)

//go:embed programs/*.sh programs/*.pl
var programFiles embed.FS

// program says what a program is put together from. Its own text,
// programs/NAME.sh, comes after the library.
type program struct {
	library []string      // files in programs/ without .sh, in this order
	limit   time.Duration // after it the node ends the program; 0: it is not run over a connection
}

// programs are all that run on a node, by name. No file of the library is a
// program, and every file in programs/ is one or the other.
var programs = map[string]program{
	// what is asked
	"hello":       {limit: 10 * time.Second},
	"inspect":     {limit: 30 * time.Second},
	"doctor":      {limit: 20 * time.Second},
	"credentials": {limit: 10 * time.Second},
	"generations": {[]string{"state", "lib"}, 30 * time.Second},
	"await":       {[]string{"process"}, 20 * time.Second},

	// the lock
	"lock":    {limit: 30 * time.Second},
	"release": {limit: 2 * time.Minute},
	"unlock":  {limit: 30 * time.Second},

	// a change, from its preparation to its confirmation
	"packages": {[]string{"lib"}, 15 * time.Minute},
	"stage":    {[]string{"state", "lib", "step"}, 2 * time.Minute},
	"transact": {[]string{"state", "lib", "step"}, 2 * time.Minute},
	"renew":    {[]string{"state", "lib"}, 30 * time.Second},
	"drain":    {limit: 15 * time.Second},
	"manifest": {[]string{"state", "lib", "process", "apiserver"}, time.Minute},
	"activate": {[]string{"state", "lib", "daemon", "firewall"}, 2 * time.Minute},
	"still":    {[]string{"state", "lib", "daemon", "generation"}, 30 * time.Second},
	"confirm":  {[]string{"state", "lib", "generation"}, time.Minute},
	"back":     {[]string{"state", "lib"}, 3 * time.Minute},
	"forget":   {[]string{"state", "lib"}, time.Minute},

	// a drill
	"drill": {[]string{"lib"}, 30 * time.Second},

	// what others leave on the node, and what runs there by itself
	"restore":     {library: []string{"state", "firewall", "process", "apiserver"}},
	"drill_mend":  {},
	"drill_watch": {},
}

// file is the text of one file in programs/.
func file(name string) string {
	data, err := programFiles.ReadFile("programs/" + name)
	if err != nil {
		panic(err) // it was there when this was built
	}
	return string(data)
}

// text is the whole of a program.
func text(name string) string {
	p, known := programs[name]
	if !known {
		panic("node: there is no program " + name)
	}
	var b strings.Builder
	for _, part := range append(slices.Clone(p.library), name) {
		b.WriteString(file(part + ".sh"))
	}
	return b.String()
}

// script is a program with its data.
func script(name string, vars map[string]string) remote.Script {
	return remote.Script{Name: name, Body: text(name), Limit: programs[name].limit, Vars: vars}
}

// restoreProgram is what stays on a node while a change is not confirmed. It
// depends on nothing but the node.
func restoreProgram() []byte {
	return []byte("#!/bin/sh\n# kplb: takes an unconfirmed change back; see /var/lib/kplb/pending\nset -u\numask 077\n" +
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C\nexport PATH LC_ALL\ntrap '' HUP PIPE\n" +
		text("restore"))
}
