package source

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// recipe is a format for these tests.
type recipe struct {
	At     Section
	Name   Scalar   `key:"name" required:"true"`
	Tags   Words    `key:"tags"`
	Oven   oven     `key:"oven"`
	Steps  []step   `key:"steps"`
	Secret secret   `key:"secret" secret:"true"`
	Size   anything `key:"size"`
}

type oven struct {
	At      Section
	Degrees Scalar `key:"degrees"`
	common         // its keys, on the same level
}

type common struct {
	Time Scalar `key:"time"`
}

type step struct {
	At   Section
	What Scalar `key:"what" required:"true"`
}

type secret struct {
	At   Section
	From Scalar `key:"from"`
}

// anything binds itself.
type anything struct {
	Place
	kind Kind
}

func (a *anything) Bind(w *Walker, n *Value, p Place) {
	a.Place, a.kind = p, n.Kind
	if n.Kind == Date {
		w.Add(p, p.Path+" is a date", "write a size")
	}
}

func (a *anything) MarkGiven(p Place) { a.Place = p }

// readRecipe binds a file, and says what is wrong with it.
func readRecipe(data string) (recipe, Positions, error) {
	var r recipe
	c := &Collector{}
	if !CheckText("f", []byte(data), c) {
		return r, nil, c.Err()
	}
	root := Decode("f", []byte(data), c, "begin with name")
	if root == nil {
		return r, nil, c.Err()
	}
	w := &Walker{Problems: c, Positions: Positions{}, SecretHint: "name where it comes from", Unknown: func(w *Walker, p Place, path, key string, t reflect.Type) {
		w.Add(p, "key "+Quote(key)+" is not known in "+Quote(path), "write one of: "+strings.Join(Keys(t), ", "))
	}}
	w.Bind(root, Place{}, "", reflect.ValueOf(&r).Elem())
	c.Require(r.Name.Place, r.At, "name", "write one")
	return r, w.Positions, c.Err()
}

// TestBind gives every value its place.
func TestBind(t *testing.T) {
	t.Parallel()
	r, positions, err := readRecipe("name: bread\ntags: [a, \"1\"]\noven: {degrees: 250, time: 1h}\nsteps:\n  - what: knead\n  - {what: bake}\nsecret: {from: x}\nsize: [1, 2]\n")
	if err != nil {
		t.Fatal(err)
	}
	got := []string{r.Name.Text, r.Tags.Items[0].Text, r.Tags.Items[1].Text, r.Oven.Degrees.Text, r.Oven.Time.Text, r.Steps[1].What.Text, r.Size.kind.String()}
	if d := cmp.Diff([]string{"bread", "a", "1", "250", "1h", "bake", "a list"}, got); d != "" {
		t.Error(d)
	}
	if !r.Tags.List || !r.Tags.Items[1].Quoted || r.Oven.Degrees.Kind != Number || !r.Secret.From.Hidden || r.Name.Hidden {
		t.Errorf("%+v", r)
	}
	for path, want := range map[string]string{"oven.time": "f:3:28", "steps[1].what": "f:6:12", "steps[1].oops": "f:6:5", "tags[1]": "f:2:11", "other": "f:1:1"} {
		if got := positions.Of(path).String(); got != want {
			t.Errorf("%s is at %s, want %s", path, got, want)
		}
	}
	if got := (Position{File: "f"}).String(); got != "f" {
		t.Error(got)
	}
}

// TestProblems has each mistake with its place, its cause and its cure.
func TestProblems(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ data, want string }{
		// the bytes
		{strings.Repeat("# x\n", 1<<18+1), "f:1:1: the file has 1048580 bytes, more than 1 MiB; give an inventory, not some other file"},
		{"\xff\xfea\x00", "f:1:1: the file is UTF-16; save it as UTF-8"},
		{"\xef\xbb\xbfname: a", "f:1:1: the file begins with a byte order mark; save it as UTF-8 without one"},
		{"name: a\rb: c\n", "f:1:8: a carriage return stands without a line feed; end lines as Unix or Windows does"},
		{"name: \xc3(", "f:1:7: byte 0xc3 is not UTF-8; save the file as UTF-8"},
		{"name: a\x1b[31m\n", "f:1:8: control character U+001B stands here; delete it"},
		{"name: \u202eabc\n", "f:1:7: control character U+202E stands here; delete it"},
		{"name: \u2028abc\n", "f:1:7: control character U+2028 stands here; delete it"},
		// YAML
		{"", "f:1:1: the file is empty; begin with name"},
		{"---\n", "f:1:1: the document is empty; begin with name"},
		{"- a\n", "f:1:1: the document is a list, not a mapping; begin with name"},
		{"name: a\n---\nname: b\n", "f:2:1: a second document starts here; keep one cluster in a file"},
		{"name: &a x\ntags: *a\n", "f:1:7: an anchor (&) marks the value; write the value out where it is needed, without anchors\nf:2:7: an alias (*) stands for another value; write the value out"},
		{"name: !!str x\n", "f:1:7: a tag (!) gives the value a type; write the value out, without a tag"},
		{"name: a\n<<: {x: 1}\n", "f:2:1: a merge key (<<) takes values from elsewhere; write the values out"},
		{"name: a\n? [a]\n: b\n", "f:2:3: a key is a list or a mapping; write a name as the key"},
		{"name: {" + strings.Repeat("a: {", 20) + strings.Repeat("}", 21), "f:1:7: name is a mapping; expected a single value\nf:1:71: the value is nested more than 16 levels deep; write what examples/full.yaml shows"},
		{"name: 'a\n", "f:2:1: a quote is not closed before the end of the file; close the quote"},
		{"name: a: b\n", "f:1:8: a colon stands inside a value, or the line is indented differently from the one above; give every key its own line, indented like its neighbours"},
		// the shape
		{"tags: a\n", "f:1:1: name is missing; write one"},
		{"name:\n", "f:1:6: name has no value; write one"},
		{"name: a\ntags: ~\noven: ~\nsteps: ~\nsize: ~\n", "f:2:7: tags has no value; write one, or leave it out\nf:3:7: oven has no value; write one, or leave it out\nf:4:8: steps has no value; write one, or leave it out\nf:5:7: size has no value; write one, or leave it out"},
		{"name: [a]\n", "f:1:7: name is a list; expected a single value"},
		{"name: a\ntags: []\n", "f:2:7: tags is an empty list; write a value, or leave it out"},
		{"name: a\nsteps: []\n", "f:2:8: steps is an empty list; write at least one item"},
		{"name: a\nsteps: knead\n", "f:2:8: steps is a string; expected a list: one item on each line, beginning with -"},
		{"name: a\noven: 250\n", "f:2:7: oven is a number; expected a mapping with some of: degrees, time"},
		{"name: a\noven: {time: 1h, time: 2h}\n", "f:2:18: duplicate key \"time\", first on line 2; keep one of them"},
		{"name: a\noven: {heat: 1}\n", "f:2:8: key \"heat\" is not known in \"oven\"; write one of: degrees, time"},
		{"name: a\nsize: 2026-12-01\n", "f:2:7: size is a date; write a size"},
		// what may be a secret is not repeated
		{"name: a\nsecret: hunter2\n", "f:2:9: secret holds a secret in the clear; name where it comes from"},
		{"name: a\nsecret: {from: a, from: b}\n", "f:2:19: duplicate key, first on line 2; keep one of them"},
	} {
		_, _, err := readRecipe(c.data)
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%.60q\n got %s\nwant %s", c.data, got, c.want)
		}
		var problems Problems
		if errors.As(err, &problems) && strings.Contains(problems.Excerpt([]byte(c.data)), "hunter2") {
			t.Errorf("%q: the secret is repeated", c.data)
		}
	}
}

// TestMostProblems: whoever has more than a hundred gave the wrong file.
func TestMostProblems(t *testing.T) {
	t.Parallel()
	c := &Collector{}
	for i := 200; i > 0; i-- {
		c.Add(Position{"f", i, 1}, "x", "")
	}
	var problems Problems
	if !errors.As(c.Err(), &problems) || len(problems) != 101 {
		t.Fatalf("%d problems", len(problems))
	}
	if got := problems[0].Error(); got != "f:1:1: x" {
		t.Error(got)
	}
	if got := problems[100].Error(); got != "f:101:1: the file has 100 more problems from here on; correct those above first" {
		t.Error(got)
	}
	var many strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&many, "k%d: 1\n", i)
	}
	if _, _, err := readRecipe(many.String()); !errors.As(err, &problems) || len(problems) != 101 {
		t.Errorf("%d problems of a file with 2000 unknown keys", len(problems))
	}
}

// TestExcerpt shows the line, and none that may hold a secret.
func TestExcerpt(t *testing.T) {
	t.Parallel()
	data := "name: [a]\n\té: x\x01\npassword: p\nlast: 1\n"
	c := &Collector{}
	c.Add(Position{"f", 1, 7}, "a", "")
	c.Add(Position{"f", 1, 7}, "again", "")
	c.Add(Position{"f", 2, 3}, "b", "")
	c.Add(Position{"f", 3, 1}, "c", "")
	c.Add(Position{"f", 9, 1}, "past the end", "")
	var problems Problems
	errors.As(c.Err(), &problems)
	if d := cmp.Diff("f:1:7: a\n    name: [a]\n          ^\nf:1:7: again\nf:2:3: b\n    \té: x\ufffd\n    \t ^\nf:3:1: c\nf:9:1: past the end\n", problems.Excerpt([]byte(data))); d != "" {
		t.Error(d)
	}
	c.AddSecret(Position{"f", 4, 1}, "d", "")
	errors.As(c.Err(), &problems)
	if strings.Contains(problems.Excerpt([]byte(data)), "last") {
		t.Error("a line is shown after one with a secret, in a file of which nobody knows where the secret ends")
	}
}

// TestRead gives values their types, or says why not.
func TestRead(t *testing.T) {
	t.Parallel()
	number := func(s string) Scalar { return Scalar{OK: true, Kind: Number, Text: s, Place: Place{Path: "n"}} }
	quoted := func(s string) Scalar {
		return Scalar{OK: true, Kind: Text, Text: s, Quoted: true, Place: Place{Path: "n"}}
	}
	plain := func(s string) Scalar { return Scalar{OK: true, Kind: Text, Text: s, Place: Place{Path: "n"}} }
	read := func(s Scalar, parse func(Scalar) (any, *Fault)) string {
		c := &Collector{}
		v := Read(c, s, parse, any("default"))
		if err := c.Err(); err != nil {
			return strings.TrimPrefix(err.Error(), ": ")
		}
		return fmt.Sprint(v)
	}
	of := func(parse any) func(Scalar) (any, *Fault) {
		return func(s Scalar) (any, *Fault) {
			out := reflect.ValueOf(parse).Call([]reflect.Value{reflect.ValueOf(s)})
			f, _ := out[1].Interface().(*Fault)
			return out[0].Interface(), f
		}
	}
	whole, span, word := of(Whole(1, 10)), of(Span(100*time.Millisecond, time.Hour, 10*time.Millisecond)), of(OneOf([]string{"kubeadm", "other"}, []string{"k3s"}))
	for _, c := range []struct {
		s     Scalar
		parse func(Scalar) (any, *Fault)
		want  string
	}{
		{Scalar{}, whole, "default"},
		{number("7"), whole, "7"}, {number("0"), whole, "n 0 is below 1; write a whole number from 1 to 10"},
		{number("11"), whole, "n 11 is above 10; write a whole number from 1 to 10"},
		{number("99999999999999999999"), whole, "n 99999999999999999999 is above 10; write a whole number from 1 to 10"},
		{number("0x7"), whole, "n 0x7 is not a plain decimal number; write a whole number from 1 to 10"},
		{quoted("7"), whole, "n \"7\" is in quotes; write the number without them: 7"},
		{plain("x"), whole, "n \"x\" is not a number; write a whole number from 1 to 10"},
		{number("6443"), of(PortNumber), "6443"}, {number("70000"), of(PortNumber), "n 70000 is above 65535; write a whole number from 1 to 65535"},
		{plain("90s"), span, "1m30s"}, {number("5"), span, "n 5 has no unit; write 5s or 5m"}, {number("0.25"), span, "n 0.25 has no unit; write 0.25s"},
		{number("9999999"), span, "n 9999999 has no unit; write a duration from 100ms to 1h"},
		{plain("soon"), span, "n \"soon\" is not a duration; write a duration from 100ms to 1h, like 500ms, 5s or 1h"},
		{plain("1ms"), span, "n \"1ms\" is below 100ms; write a duration from 100ms to 1h"}, {plain("2h"), span, "n \"2h\" is above 1h; write a duration from 100ms to 1h"},
		{plain("101ms"), span, "n \"101ms\" is not a multiple of 10ms; write 100ms, say"},
		{plain("other"), word, "other"}, {plain("k3s"), word, "n \"k3s\" is not supported yet by this version; write kubeadm or other"},
		{plain("kubeadn"), word, "n \"kubeadn\" is not known; did you mean kubeadm?"}, {plain("x"), word, "n \"x\" is not known; write kubeadm or other"},
		{plain("true"), of(TrueOrFalse), "true"}, {quoted("true"), of(TrueOrFalse), "n \"true\" is in quotes; write it without them: true"},
		{plain("yes"), of(TrueOrFalse), "n \"yes\" is not known; write true or false"},
		{Scalar{OK: true, Text: "hunter2", Place: Place{Path: "n", Hidden: true}}, word, "n is not known; write kubeadm or other"},
		{plain(strings.Repeat("x", 60)), word, "n \"" + strings.Repeat("x", 48) + "\"… is not known; write kubeadm or other"},
	} {
		if got := read(c.s, c.parse); got != c.want {
			t.Errorf("%+v\n got %s\nwant %s", c.s, got, c.want)
		}
	}
}

// TestLiteral: what YAML takes for something else is no text.
func TestLiteral(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		s    Scalar
		want *Fault
	}{
		{Scalar{Kind: Text, Text: "a"}, nil},
		{Scalar{Kind: Text}, Refuse("is empty", "write a value")},
		{Scalar{Kind: Boolean, Text: "yes"}, Refuse("is a boolean to YAML", `put it in quotes: "yes"`)},
		{Scalar{Kind: Number, Text: "1", Place: Place{Hidden: true}}, Refuse("is a number to YAML", "put it in quotes")},
	} {
		if d := cmp.Diff(c.want, Literal(c.s), cmp.AllowUnexported(Fault{})); d != "" {
			t.Error(d)
		}
	}
}

// TestBrief leaves out units that are zero.
func TestBrief(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{time.Hour: "1h", 90 * time.Minute: "1h30m", 255 * time.Second: "255s", 2 * time.Minute: "2m", 1500 * time.Millisecond: "1.5s"} {
		if got := Brief(d); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
