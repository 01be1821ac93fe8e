package inventory

// trueOrFalse parses booleans as YAML 1.2 has them, in lower case: yes and on
// are booleans to some readers only.
func trueOrFalse(s scalar) (bool, *fault) {
	switch {
	case s.quoted && (s.text == "true" || s.text == "false"):
		return false, &fault{"is in quotes", "write it without them: " + s.text}
	case s.text == "true" || s.text == "false":
		return s.text == "true", nil
	}
	return false, &fault{"is not known", "write true or false"}
}
