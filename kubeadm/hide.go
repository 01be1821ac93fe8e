package kubeadm

import (
	"bytes"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v4"
)

// secretKey finds a key whose value people should not see, or need not, in any
// line: what is commented out may still be in use elsewhere.
var secretKey = regexp.MustCompile(`(?i)(?:\b|_)(client-key-data|client-certificate-data|certificate-authority-data|` +
	`token|password|id-token|refresh-token|client-secret)\\?["']?[ \t]*[:=][ \t]*`)

// Hide returns a kubeconfig for people's eyes, in a diff for example: client
// certificates, keys, tokens and passwords are <hidden>, however they are
// written, and the data of a CA is <certificate authority>. It hides in text
// that is not YAML, too, and there rather more than it has to than less.
func Hide(source []byte) []byte {
	if len(source) <= largest {
		if root, _ := parse(source); root != nil { // what is refused elsewhere is still hidden
			source = hideNodes(source, root)
		}
	}
	h := &hiding{lines: bytes.SplitAfter(source, []byte("\n"))}
	for len(h.lines) > 0 {
		h.line()
	}
	return h.out.Bytes()
}

// wordFor returns what stands in place of the value of a key, empty if it is shown.
func wordFor(key string) string {
	if found := secretKey.FindStringSubmatch(key + ":"); found != nil {
		return wordsFor(found[1])
	}
	return ""
}

func wordsFor(key string) string {
	if len(key) == len("certificate-authority-data") {
		return "<certificate authority>"
	}
	return "<hidden>"
}

// hideNodes puts a word in place of every value that a parser finds, in
// whichever form it is written.
func hideNodes(source []byte, root *yaml.Node) []byte {
	secrets := map[*yaml.Node]string{}
	findSecrets(root, secrets)
	d := newDocument(source, root)
	nodes := inOrder(root, secrets, nil)
	var edits []edit
	for i, n := range nodes {
		word := secrets[n]
		if word == "" {
			continue
		}
		from, to, err := d.span(n, "")
		if err != nil {
			from, to = d.at(n), len(source)
			if i+1 < len(nodes) {
				to = d.at(nodes[i+1])
			}
			to = from + len(ends(source[from:to], n))
		}
		if from < to {
			edits = append(edits, edit{from, to, word})
		}
	}
	return d.apply(edits)
}

func findSecrets(n *yaml.Node, secrets map[*yaml.Node]string) {
	for i, c := range n.Content {
		if word := ""; n.Kind == yaml.MappingNode && i%2 == 1 {
			if word = wordFor(n.Content[i-1].Value); word != "" {
				secrets[c] = word
				if c.Alias != nil {
					secrets[c.Alias] = word
				}
			}
		}
		findSecrets(c, secrets)
	}
}

// inOrder lists the nodes as they follow each other in the text, without what is
// in a secret.
func inOrder(n *yaml.Node, secrets map[*yaml.Node]string, all []*yaml.Node) []*yaml.Node {
	all = append(all, n)
	if secrets[n] == "" {
		for _, c := range n.Content {
			all = inOrder(c, secrets, all)
		}
	}
	return all
}

// ends cuts off what is between a value and the next node. Of a block, nothing is
// on that node's line; a plain value ends with its last word, whichever it is.
func ends(rest []byte, n *yaml.Node) []byte {
	if n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		if i := bytes.LastIndexByte(rest, '\n'); i >= 0 {
			rest = rest[:i]
		}
		return bytes.TrimRight(rest, "\r\n")
	}
	if words := strings.Fields(n.Value); n.Kind == yaml.ScalarNode && len(words) > 0 && n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) == 0 {
		last := words[len(words)-1]
		if i := bytes.LastIndex(rest, []byte(last)); i >= 0 {
			return rest[:i+len(last)]
		}
	}
	return bytes.TrimRight(rest, " \t\r\n,{}[]-?")
}
