package rollouttest

// What somebody else, or an older kplb, does to what a node keeps.

// Lose removes all that kplb keeps on the node, and leaves its files.
func Lose(n *Node) {
	n.generations, n.staged, n.restored = nil, nil, ""
}

// Unrecord has the node's generations be those of an older kplb, which keeps no record.
func Unrecord(n *Node) {
	for i := range n.generations {
		n.generations[i].record = nil
	}
}

// Rerecord replaces the record of the node's newest generation.
func Rerecord(n *Node, content []byte) {
	n.generations[len(n.generations)-1].record = content
}

// Edited has somebody edit a file of a generation that the node keeps.
func Edited(n *Node, number int, path string) {
	for i := range n.generations {
		if n.generations[i].number == number {
			n.generations[i].edited = path
		}
	}
}

// Numbers are those of the node's generations.
func Numbers(n *Node) []int {
	out := make([]int, len(n.generations))
	for i, g := range n.generations {
		out[i] = g.number
	}
	return out
}

// Record is that of the node's newest generation; nil: it has none.
func Record(n *Node) []byte {
	if len(n.generations) == 0 {
		return nil
	}
	return n.generations[len(n.generations)-1].record
}

// RerecordPending replaces the record of the change that is in place and not confirmed.
func RerecordPending(n *Node, content []byte) { n.pending.record = content }

// Keep has the node have a generation of what it has now, after the one from before kplb.
func Keep(n *Node, number int, content []byte) {
	n.generations = []generation{{state: n.save()}, {n.save(), number, clock, "", "", content, ""}}
}
