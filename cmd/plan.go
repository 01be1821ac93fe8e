package cmd

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/renameio/v2"

	"github.com/kplb/kplb/plan"
	"github.com/kplb/kplb/refusal"
)

// savedPlan is a plan in a file: what to do, and what it was made from. It
// holds no file contents and no secrets.
type savedPlan struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Inventory  string `json:"inventory"` // absolute path
	Templates  string `json:"templates,omitempty"`
	// ReplaceForeign says that what is not kplb's may end.
	ReplaceForeign bool `json:"replaceForeign,omitempty"`
	// AllowUnreachable says that the nodes that it leaves out may be left out.
	AllowUnreachable bool `json:"allowUnreachable,omitempty"`
	planReport
}

const (
	planVersion = "kplb/v1alpha1"
	planKind    = "Plan"
)

// savePlan writes a plan, whole or not at all.
func savePlan(s *streams, set *settings, p *plan.Plan, replaceForeign, allowUnreachable bool, file string) error {
	inventory, err := filepath.Abs(set.Inventory)
	if err != nil {
		return err
	}
	templates := set.Templates
	if templates != "" {
		if templates, err = filepath.Abs(templates); err != nil {
			return err
		}
	}
	data, err := json.MarshalIndent(savedPlan{planVersion, planKind, inventory, templates, replaceForeign, allowUnreachable, describe(p)}, "", "  ")
	if err != nil {
		return err
	}
	const mode fs.FileMode = 0o600
	if err := renameio.WriteFile(file, append(data, '\n'), mode, renameio.WithStaticPermissions(mode), renameio.WithTempDir(filepath.Dir(file))); err != nil {
		return err
	}
	s.say("plan saved: apply it with `kplb apply %s`", file)
	return nil
}

// readPlan reads a plan that savePlan has written.
func readPlan(file string) (*savedPlan, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, &usageError{err}
	}
	var saved savedPlan
	d := json.NewDecoder(strings.NewReader(string(data)))
	d.DisallowUnknownFields()
	if err := d.Decode(&saved); err != nil {
		return nil, &usageError{fmt.Errorf("%s is not a plan: %w", file, err)}
	}
	if saved.APIVersion != planVersion || saved.Kind != planKind {
		return nil, &usageError{fmt.Errorf("%s is not a plan of this version: apiVersion %q, kind %q", file, saved.APIVersion, saved.Kind)}
	}
	return &saved, nil
}

// complete gives the settings the inventory and templates of the plan, where the
// operator names none.
func (saved *savedPlan) complete(set *settings) {
	if set.Inventory == "" {
		set.Inventory = saved.Inventory
	}
	if set.Templates == "" {
		set.Templates = saved.Templates
	}
}

// same wants the plan that was made now to be the saved one, to the bit.
func (saved *savedPlan) same(p *plan.Plan) error {
	now := describe(p)
	if now.Cluster != saved.Cluster {
		return &usageError{fmt.Errorf("the plan is for cluster %s, the inventory says %s", saved.Cluster, now.Cluster)}
	}
	var stale refusal.Error
	refuse := func(node, what string) {
		stale.Refusals = append(stale.Refusals, refusal.Refusal{Node: node, What: "the plan is stale: " + what, Hint: "make a new one with `kplb diff -o FILE`, and look at it"})
	}
	byName := map[string]nodeReport{}
	for _, n := range saved.Nodes {
		byName[n.Node] = n
	}
	for _, n := range now.Nodes {
		if what := difference(byName[n.Node], n); saved.leavesOut(n.Node) {
			refuse(n.Node, "it leaves the node out, which can be reached now")
		} else if what != "" {
			refuse(n.Node, what)
		}
		delete(byName, n.Node)
	}
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		if now.leavesOut(name) {
			refuse(name, "it does not leave the node out, which cannot be reached now")
		} else {
			refuse(name, "the node is no longer in the inventory")
		}
	}
	if !slices.Equal(saved.Objects, now.Objects) {
		refuse(now.Cluster, "the cluster's ConfigMaps have changed, or would be changed otherwise")
	}
	if len(stale.Refusals) > 0 {
		return &stale
	}
	return nil
}

// difference says what of a node is not as it was when the plan was saved.
func difference(was, now nodeReport) string {
	find := func(n nodeReport, path string) (fileReport, bool) {
		i := slices.IndexFunc(n.Files, func(f fileReport) bool { return f.Path == path })
		if i < 0 {
			return fileReport{}, false
		}
		return n.Files[i], true
	}
	for _, f := range slices.Concat(now.Files, was.Files) {
		a, planned := find(was, f.Path)
		b, needed := find(now, f.Path)
		switch {
		case !planned:
			return f.Path + " has changed on the node, or in the inventory, since"
		case !needed:
			return f.Path + " is as planned already"
		case a.Before != b.Before:
			return f.Path + " has changed on the node since"
		case a.After != b.After:
			return "the inventory or a template would now make another " + f.Path
		}
	}
	if !slices.Equal(was.Consequences, now.Consequences) {
		return fmt.Sprintf("it would now do: %s", strings.Join(now.Consequences, "; "))
	}
	return ""
}
