package cmd

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2"

	"github.com/kplb/kplb/plan"
	"github.com/kplb/kplb/report"
)

// savedPlan is a plan in a file: what to do, and what it was made from. It
// holds no file contents and no secrets.
type savedPlan struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Inventory  string `json:"inventory"` // absolute path
	Templates  string `json:"templates,omitempty"`
	permissions
	report.Plan
}

// permissions are what a plan was made with beyond the inventory, and is carried out with.
type permissions struct {
	ReplaceForeign   bool `json:"replaceForeign,omitempty"`   // what is not kplb's may end
	AllowUnreachable bool `json:"allowUnreachable,omitempty"` // the nodes that it leaves out may be left out
	TakeOver         bool `json:"takeOver,omitempty"`         // nodes of another cluster may become this one's
	Rename           bool `json:"rename,omitempty"`           // the cluster may have another name
}

const (
	planVersion = "kplb/v1alpha1"
	planKind    = "Plan"
)

// savePlan writes a plan, whole or not at all.
func savePlan(s *streams, set *settings, p *plan.Plan, with permissions, file string) error {
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
	data, err := json.MarshalIndent(savedPlan{planVersion, planKind, inventory, templates, with, report.Describe(p)}, "", "  ")
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
	now := report.Describe(p)
	if now.Cluster != saved.Cluster {
		return &usageError{fmt.Errorf("the plan is for cluster %s, the inventory says %s", saved.Cluster, now.Cluster)}
	}
	return saved.Same(now)
}
