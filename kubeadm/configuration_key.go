package kubeadm

// place puts lines below a key of apiServer that is not there, or has no value.
func (c *configuration) place(name string, lines []string) ([]edit, error) {
	below := append([]string{name + ":"}, lines...)
	key, api := entry(c.root, "apiServer")
	nameKey, value := entry(api, name)
	switch {
	case api == nil:
		return one(c.insert(c.root, "apiServer", append([]string{"apiServer:"}, indented("  ", below)...)...))
	case !given(api):
		return c.open(key, api, indented("  ", below))
	case value == nil:
		return one(c.insert(api, name, below...))
	}
	return c.open(nameKey, value, lines)
}

// dropKey takes a key of apiServer away, and the lines below it. An apiServer
// without any other is {}.
func (c *configuration) dropKey(name string, below []int) ([]edit, error) {
	apiKey, api := entry(c.root, "apiServer")
	key, _ := entry(api, name)
	if _, err := c.indent(key); err != nil {
		return nil, err
	}
	edits := c.without(append([]int{key.Line}, below...)...)
	if len(api.Content) > 2 {
		return edits, nil
	}
	at, err := c.colon(apiKey)
	return append(edits, edit{at, at, " {}"}), err
}
