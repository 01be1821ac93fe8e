package plan

// RefuseForeign refuses to end what foreign configurations do. Its error is a
// RefusedError.
func (p *Plan) RefuseForeign() error {
	var out []Refusal
	for _, n := range p.Nodes {
		for _, end := range n.ends {
			out = append(out, Refusal{
				Node: n.Node.Name, What: end,
				Hint: "this is not kplb's: have another file, machine or a template of yours do it, or give --replace-foreign to end it",
			})
		}
	}
	if out == nil {
		return nil
	}
	return &RefusedError{out}
}
