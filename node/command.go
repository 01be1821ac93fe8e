package node

import (
	"regexp"
	"slices"
	"strings"
)

// CommandLine is how a daemon's unit has it started: the arguments of the running
// main process, or else those that systemd would give it. It is empty where systemd does
// not say.
func (f *Facts) CommandLine(unit string) []string {
	u := f.Units[unit]
	for _, p := range f.Processes {
		if u.MainPID != 0 && p.PID == u.MainPID {
			return p.Args
		}
	}
	if len(u.Command) == 0 {
		return nil
	}
	return expand(commandIn(u.Command[len(u.Command)-1]), f.environment(u))
}

var argvForm = regexp.MustCompile(`argv\[\]=(.*?) ; `)

// commandIn is the command of systemctl's ExecStart.
func commandIn(text string) string {
	if m := argvForm.FindStringSubmatch(text); m != nil {
		return m[1]
	}
	return ""
}

// environment is what the variables of a unit are. Its files come after its own.
func (f *Facts) environment(u Unit) map[string]string {
	out := map[string]string{}
	set := func(assignment string) {
		if name, value, ok := strings.Cut(assignment, "="); ok {
			out[name] = value
		}
	}
	for _, line := range u.Environment {
		for _, word := range assignments(line) {
			set(word)
		}
	}
	for _, name := range u.EnvironmentFiles {
		for line := range strings.Lines(string(f.Files[name].Content)) {
			line = strings.TrimSpace(line)
			if line == "" || line[0] == '#' || line[0] == ';' {
				continue
			}
			name, value, _ := strings.Cut(line, "=")
			set(strings.TrimSpace(strings.TrimPrefix(name, "export ")) + "=" + strings.Trim(strings.TrimSpace(value), `"'`))
		}
	}
	return out
}

// assignments splits systemctl's Environment, which quotes what has spaces.
func assignments(line string) []string {
	var out []string
	for line = strings.TrimSpace(line); line != ""; line = strings.TrimSpace(line) {
		end := " "
		if line[0] == '"' || line[0] == '\'' {
			end, line = line[:1], line[1:]
		}
		word, rest, _ := strings.Cut(line, end)
		out, line = append(out, word), rest
	}
	return out
}

var variableForm = regexp.MustCompile(`\$(\w+|\{\w+\})`)

// expand fills variables in as systemd does: one that is a word of its own becomes as
// many words as it has.
func expand(command string, environment map[string]string) []string {
	filled := variableForm.ReplaceAllStringFunc(command, func(v string) string { return environment[strings.Trim(v, "${}")] })
	return slices.Collect(strings.FieldsSeq(filled))
}
