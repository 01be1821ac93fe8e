package source

// TrueOrFalse parses booleans as YAML 1.2 has them, in lower case: yes and on
// are booleans to some readers only.
func TrueOrFalse(s Scalar) (bool, *Fault) {
	switch {
	case s.Quoted && (s.Text == "true" || s.Text == "false"):
		return false, Refuse("is in quotes", "write it without them: "+s.Text)
	case s.Text == "true" || s.Text == "false":
		return s.Text == "true", nil
	}
	return false, Refuse("is not known", "write true or false")
}
