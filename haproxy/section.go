package haproxy

import "slices"

// Behind says which sections take connections on one of the addresses,
// ADDRESS:PORT, and which backends these use, wherever they stand: by their ID.
func (c Config) Behind(addresses []string) map[string]bool {
	out := map[string]bool{}
	for _, s := range c {
		if !s.bindsOneOf(addresses) {
			continue
		}
		out[s.ID()] = true
		for _, l := range s.Lines {
			if (l.Is("default_backend") || l.Is("use_backend")) && len(l.Words) > 1 {
				out["backend "+l.Words[1]] = true
			}
		}
	}
	return out
}

func (s Section) bindsOneOf(addresses []string) bool {
	return slices.ContainsFunc(s.Lines, func(l Line) bool {
		return l.Is("bind") && slices.ContainsFunc(l.Words[1:], func(w string) bool { return slices.Contains(addresses, w) })
	})
}

// Modes is the mode of each section by its ID: its own, or else that of the
// defaults that it takes, the last ones before it or those that it names with
// `from`. Where none says, there is no entry, and HAProxy takes tcp.
func (c Config) Modes() map[string]string {
	out, last := map[string]string{}, Section{}
	named := map[string]Section{}
	for _, s := range c {
		isDefaults := len(s.Words) > 0 && s.Words[0] == "defaults"
		defaults := last
		if isDefaults { // they begin anew
			defaults = Section{}
		}
		if i := slices.Index(s.Words, "from"); i > 0 && i+1 < len(s.Words) {
			defaults = named[s.Words[i+1]]
		}
		for _, l := range slices.Concat(defaults.Lines, s.Lines) {
			if l.Is("mode") && len(l.Words) > 1 {
				out[s.ID()] = l.Words[1]
			}
		}
		if isDefaults {
			last = s
			if len(s.Words) > 1 {
				named[s.Words[1]] = s
			}
		}
	}
	return out
}
