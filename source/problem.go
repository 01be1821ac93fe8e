package source

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing that is wrong with an inventory.
type Problem struct {
	Position
	What string // is wrong, subject first
	Hint string // what to write instead

	secret bool // the source line may hold a secret: do not show it
}

// Error is "file:line:column: what is wrong; what to write instead".
func (p Problem) Error() string {
	if p.Hint == "" {
		return fmt.Sprintf("%s: %s", p.Position, p.What)
	}
	return fmt.Sprintf("%s: %s; %s", p.Position, p.What, p.Hint)
}

// Problems is everything that is wrong with an inventory, in the order of the
// file. It is the error that Parse returns for a bad file.
type Problems []Problem

// Error has one line for each problem.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// MaxProblems is how many problems are reported of one file: whoever has more
// of them gave the wrong file.
const MaxProblems = 100

// Collector gathers problems from all over the package.
type Collector struct {
	problems Problems
}

// Add reports what is wrong at a place, and what to write instead.
func (c *Collector) Add(at Position, what, hint string) {
	c.problems = append(c.problems, Problem{Position: at, What: what, Hint: hint})
}

// AddSecret is add for a place whose source line may hold a secret.
func (c *Collector) AddSecret(at Position, what, hint string) {
	c.problems = append(c.problems, Problem{Position: at, What: what, Hint: hint, secret: true})
}

// Require reports p, the place of key in the mapping in, when it is not there.
func (c *Collector) Require(p Place, in Section, key, hint string) {
	if !p.Given && in.OK {
		c.Add(in.Pos, Below(in.Path, key)+" is missing", hint)
	}
}

// Err is nil, or the problems in the order of the file.
func (c *Collector) Err() error {
	if len(c.problems) == 0 {
		return nil
	}
	slices.SortStableFunc(c.problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	if more := len(c.problems) - MaxProblems; more > 0 {
		next := c.problems[MaxProblems]
		next.What = fmt.Sprintf("the file has %d more problems from here on", more)
		next.Hint = "correct those above first"
		c.problems = append(c.problems[:MaxProblems:MaxProblems], next)
	}
	return c.problems
}
