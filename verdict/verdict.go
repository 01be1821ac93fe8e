// Package verdict is what is said of a cluster that was looked at: checks, each
// with what was seen and what helps, and the proof that they make together. It
// looks at nothing itself.
package verdict

import "strings"

// Check is one thing that was looked at.
type Check struct {
	Node   string `json:"node,omitempty"` // empty: the VIP, or the cluster
	What   string `json:"check"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail,omitempty"`
	Hint   string `json:"cure,omitempty"`

	// MissingSAN says that it would be OK, but for the address missing in the
	// certificate: the answer is right, and the certificate the cluster's.
	MissingSAN bool `json:"missingSAN,omitempty"`
	// Advisory says that no change is reverted for it: the control plane does not
	// depend on it.
	Advisory bool `json:"bearable,omitempty"`
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

// OK says whether every check passed, and there was one.
func (p *Proof) OK() bool {
	for _, c := range p.Checks {
		if !c.OK {
			return false
		}
	}
	return len(p.Checks) > 0
}

// Acceptable says whether nothing is wrong but addresses that are missing in
// certificates, and checks that are advisory: no change of kplb's mends that, and
// none makes it worse.
func (p *Proof) Acceptable() bool {
	for _, c := range p.Checks {
		if !c.OK && !c.MissingSAN && !c.Advisory {
			return false
		}
	}
	return len(p.Checks) > 0
}

// FirstNo is the first check that does not pass, and is not about a
// name that is missing in a certificate; empty: there is none.
func (p *Proof) FirstNo() string {
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
