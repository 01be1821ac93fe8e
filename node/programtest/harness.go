package programtest

import "strings"

// harness is what tests tell the programs and the stand-ins of a node: which of them
// fail, and how long they wait. It is told by files of the node.
type harness struct {
	disk
}

// Impatient has programs wait for one another for that many seconds, and not as
// long as they say.
func (h *harness) Impatient(seconds string) {
	h.t.Helper()
	h.Write("/harness/patience", seconds+"\n", 0o644)
}

// Told is what the stand-ins were told since the last time, a line each.
func (h *harness) Told() []string {
	h.t.Helper()
	told := strings.TrimSuffix(h.Read("/node/told"), "\n")
	h.forgetTold()
	if told == "" {
		return nil
	}
	return strings.Split(told, "\n")
}

func (h *harness) forgetTold() { h.Remove("/node/told") }

// Fail has stand-ins fail from now on when they are told what a pattern of sh
// matches, such as "systemctl reload haproxy*". Without patterns none does.
func (h *harness) Fail(patterns ...string) {
	h.t.Helper()
	h.Remove("/node/fail")
	if len(patterns) > 0 {
		h.Write("/node/fail", strings.Join(patterns, "\n")+"\n", 0o644)
	}
}

// Meanwhile has sh run a text the next time that a program sleeps.
func (h *harness) Meanwhile(text string) {
	h.t.Helper()
	h.Write("/node/meanwhile", text, 0o644)
}
