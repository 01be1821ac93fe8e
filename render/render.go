package render

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"text/template"
	"text/template/parse"

	"github.com/kplb/kplb/inventory"
)

// Facts is what the rendering of a node depends on beside the inventory.
type Facts struct {
	Interface  string // that holds the node's address
	HAProxy    Version
	Keepalived Version
	Expect     string // the statuses of a health check that count as well, "200" or "200,401"; empty: 200 alone
}

// DefaultInterface is rendered where neither the inventory nor the node has
// said which.
const DefaultInterface = "eth0"

// DefaultFacts is what is assumed of a node that has not been asked.
func DefaultFacts(n inventory.Node) Facts {
	f := Facts{Interface: n.Interface, HAProxy: DefaultHAProxy, Keepalived: DefaultKeepalived}
	if f.Interface == "" {
		f.Interface = DefaultInterface
	}
	return f
}

// data is what a template sees. They are structs: a misspelt field is an error.
type data struct {
	Facts
	Stamp   string
	Cluster *inventory.Cluster
	Node    inventory.Node
	Peers   []inventory.Node // the other nodes
}

// Templates is a parsed set of templates.
type Templates struct{ set *template.Template }

// Parse reads the built-in templates, and the ones of override (may be nil)
// in place of those with the same name. A name that is no built-in template's
// is an error, so that a misspelt file is not silently without effect.
func Parse(builtin, override fs.FS) (*Templates, error) {
	set := template.New("").Funcs(funcs()).Option("missingkey=error")
	if _, err := set.ParseFS(builtin, "*.tmpl"); err != nil {
		return nil, err
	}
	if override == nil {
		return &Templates{set}, nil
	}
	names, err := fs.Glob(override, "*.tmpl")
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, errors.New("the directory of templates holds no *.tmpl file")
	}
	for _, name := range names {
		if set.Lookup(name) == nil {
			return nil, fmt.Errorf("template %s overrides nothing: no built-in template has that name", name)
		}
		if err := notEmpty(override, name); err != nil {
			return nil, err
		}
	}
	if _, err := set.ParseFS(override, names...); err != nil {
		return nil, err
	}
	return &Templates{set}, nil
}

// notEmpty refuses a template without any text: text/template would keep the
// one that it is meant to replace.
func notEmpty(override fs.FS, name string) error {
	t, err := template.New(name).Funcs(funcs()).ParseFS(override, name)
	if err != nil {
		return err
	}
	if t = t.Lookup(name); t == nil || parse.IsEmptyTree(t.Root) {
		return fmt.Errorf("template %s is empty", name)
	}
	return nil
}

// Node renders the artifacts of one node, in the order of installation.
func (t *Templates) Node(c *inventory.Cluster, n inventory.Node, f Facts) ([]Artifact, error) {
	return t.render(filesOf(c), c, n, newData(c, n, f))
}

func newData(c *inventory.Cluster, n inventory.Node, f Facts) data {
	d := data{Facts: f, Stamp: stampMark, Cluster: c, Node: n}
	for _, other := range c.Nodes {
		if other.Name != n.Name {
			d.Peers = append(d.Peers, other)
		}
	}
	if d.Expect == "" {
		d.Expect = "200"
	}
	return d
}

func (t *Templates) render(files []file, c *inventory.Cluster, n inventory.Node, d any) ([]Artifact, error) {
	artifacts := make([]Artifact, 0, len(files))
	for _, file := range files {
		content, err := t.execute(file.template, d)
		if err != nil {
			return nil, err
		}
		content, err = stamp(content, c.Name, n.Name)
		if err != nil {
			return nil, fmt.Errorf("template %s %w", file.template, err)
		}
		artifacts = append(artifacts, Artifact{Path: file.path, Mode: file.mode, Content: content, Effect: file.effect})
	}
	return artifacts, nil
}

// execute returns nothing but a complete result: a template that stops half
// way leaves no half file.
func (t *Templates) execute(name string, d any) ([]byte, error) {
	var out bytes.Buffer
	if err := t.set.ExecuteTemplate(&out, name, d); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
