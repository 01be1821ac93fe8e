package plan

import "github.com/kplb/kplb/refusal"

// RefuseForeign refuses to end what foreign configurations do. Its error is a
// refusal.Error.
func (p *Plan) RefuseForeign() error {
	var out []refusal.Refusal
	for _, n := range p.Nodes {
		for _, end := range n.ends {
			out = append(out, refusal.Refusal{
				Node: n.Node.Name, What: end,
				Hint: "this is not kplb's: have another file, machine or a template of yours do it, or give --replace-foreign to end it",
			})
		}
	}
	if out == nil {
		return nil
	}
	return &refusal.Error{Refusals: out}
}
