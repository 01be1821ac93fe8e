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
	doing   string        // what it does, for messages
	library []string      // files in programs/ without .sh, in this order
	limit   time.Duration // after it the node ends the program; 0: it is not run over a connection
}

// programs are all that run on a node, by name. No file of the library is a
// program, and every file in programs/ is one or the other.
var programs = map[string]program{
	// what is asked
	"hello":       {doing: "asking whether the node answers", limit: 10 * time.Second},
	"inspect":     {doing: "inspecting the node", library: []string{"layout"}, limit: 30 * time.Second},
	"doctor":      {doing: "checking the network", library: []string{"layout"}, limit: 20 * time.Second},
	"credentials": {doing: "reading the administrator's kubeconfig", limit: 10 * time.Second},
	"generations": {doing: "reading the generations", library: []string{"layout", "state", "lib"}, limit: 30 * time.Second},
	"await":       {doing: "waiting for the apiserver", library: []string{"layout", "process"}, limit: 20 * time.Second},

	// the lock
	"lock":    {doing: "locking the node", limit: 30 * time.Second},
	"release": {doing: "releasing the lock", limit: 2 * time.Minute},
	"unlock":  {doing: "removing the lock", limit: 30 * time.Second},

	// a change, from its preparation to its confirmation
	"packages":  {doing: "installing packages", library: []string{"lib"}, limit: 15 * time.Minute},
	"stage":     {doing: "checking the new files", library: []string{"layout", "state", "place", "lib", "step"}, limit: 2 * time.Minute},
	"transact":  {doing: "installing files", library: []string{"layout", "state", "place", "lib", "step"}, limit: 2 * time.Minute},
	"renew":     {doing: "renewing the timer", library: []string{"state", "lib"}, limit: 30 * time.Second},
	"drain":     {doing: "draining the apiserver", limit: 15 * time.Second},
	"manifest":  {doing: "replacing the apiserver's manifest", library: []string{"layout", "state", "place", "lib", "process", "apiserver"}, limit: time.Minute},
	"activate":  {doing: "activating the new files", library: []string{"layout", "state", "lib", "daemon", "firewall"}, limit: 2 * time.Minute},
	"precommit": {doing: "checking the daemons before the confirmation", library: []string{"layout", "state", "lib", "daemon", "generation"}, limit: 30 * time.Second},
	"confirm":   {doing: "confirming the change", library: []string{"layout", "state", "place", "lib", "generation"}, limit: time.Minute},
	"level":     {doing: "numbering what is there", library: []string{"layout", "state", "place", "lib", "generation"}, limit: time.Minute},
	"revert":    {doing: "taking the change back", library: []string{"layout", "state", "place", "lib"}, limit: 3 * time.Minute},
	"forget":    {doing: "removing kplb's files", library: []string{"state", "lib"}, limit: time.Minute},

	// a drill
	"drill": {doing: "running the drill", library: []string{"layout", "lib"}, limit: 30 * time.Second},

	// what others leave on the node, and what runs there by itself
	"restore":     {library: []string{"state", "place", "firewall", "process", "apiserver"}},
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
	return remote.Script{Name: name, Doing: programs[name].doing, Body: text(name), Limit: programs[name].limit, Vars: vars}
}
