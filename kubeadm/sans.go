package kubeadm

// sans is the list certSANs, which is there.
func (c *configuration) sans() stringList {
	return stringList{c.document, "certSANs", child(child(c.root, "apiServer"), "certSANs")}
}

// addSANs adds items to apiServer.certSANs, after those that are there.
func (c *configuration) addSANs(sans []string) ([]edit, error) {
	if len(sans) == 0 {
		return nil, nil
	}
	if l := c.sans(); l.node != nil && l.node.Tag != "!!null" {
		return l.add(sans)
	}
	return c.place("certSANs", indented("- ", scalars(sans)))
}

// dropSANs takes items out of apiServer.certSANs. The key goes with the last one
// of a block list.
func (c *configuration) dropSANs(sans []string) ([]edit, error) {
	unwanted := map[string]bool{}
	for _, san := range sans {
		unwanted[spelling(san)] = true
	}
	items, err := sanItems(c.root)
	if err != nil {
		return nil, err
	}
	c.CertSANs = nil
	goes := make([]bool, len(items))
	for i, item := range items {
		if goes[i] = unwanted[spelling(item.Value)]; !goes[i] {
			c.CertSANs = append(c.CertSANs, item.Value)
		}
	}
	if len(c.CertSANs) == len(items) {
		return nil, nil
	}
	l := c.sans()
	if l.node.Style&flow != 0 {
		return l.cut(goes)
	}
	numbers, err := l.lines(goes)
	switch {
	case err != nil:
		return nil, err
	case len(c.CertSANs) == 0:
		return c.dropKey("certSANs", numbers)
	}
	return c.without(numbers...), nil
}
