package rollout

import "strings"

// Check is one thing that was looked at.
type Check struct {
	Node   string `json:"node,omitempty"` // empty: the VIP, or the cluster
	What   string `json:"check"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail,omitempty"`
	Cure   string `json:"cure,omitempty"`

	// MissingSAN says that it would be OK, but for the address missing in the
	// certificate: the answer is right, and the certificate the cluster's.
	MissingSAN bool `json:"missingSAN,omitempty"`
	// Bearable says that no change is taken back for it: the control plane does
	// not depend on it.
	Bearable bool `json:"bearable,omitempty"`
}

// String is for one line.
func (c Check) String() string {
	return strings.TrimPrefix(c.Node+": ", ": ") + c.What + ": " + c.Detail
}

// Proof is the result of a verification.
type Proof struct {
	Checks []Check `json:"checks"`
	Holder string  `json:"holder,omitempty"`
}

// OK says whether every check passed.
func (p *Proof) OK() bool {
	for _, c := range p.Checks {
		if !c.OK {
			return false
		}
	}
	return len(p.Checks) > 0
}

// Works says whether nothing is wrong but addresses that are missing in
// certificates, and services that nobody answers: no change of kplb's mends
// that, and none makes it worse.
func (p *Proof) Works() bool {
	for _, c := range p.Checks {
		if !c.OK && !c.MissingSAN && !c.Bearable {
			return false
		}
	}
	return len(p.Checks) > 0
}

// firstNo is the first check that does not pass.
func (p *Proof) firstNo() string {
	for _, c := range p.Checks {
		if !c.OK && !c.MissingSAN {
			return c.String()
		}
	}
	return ""
}

// ProofError says that the proof did not come true.
type ProofError struct{ Proof *Proof }

func (e *ProofError) Error() string {
	var no []string
	for _, c := range e.Proof.Checks {
		if !c.OK {
			no = append(no, c.String())
		}
	}
	return "not proven: " + strings.Join(no, "; ")
}
