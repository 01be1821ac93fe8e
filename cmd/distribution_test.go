package cmd

import (
	"bytes"
	"testing"

	"github.com/kplb/kplb/verdict"
	"github.com/kplb/kplb/verify"
)

// counted are one port to which every connection was made, and one to which none was.
var counted = []verify.Distribution{
	{Name: "game", Connections: 300},
	{Name: "web", Connections: 300, Failed: 300, Error: "connection refused"},
}

// TestSayFailed says which connections were not made.
func TestSayFailed(t *testing.T) {
	t.Parallel()
	var said bytes.Buffer
	sayFailed(&streams{err: &said}, counted)
	same(t, "stderr", said.String(), "kplb: web: 300 of 300 connections failed: connection refused\n")
}

// TestJudge: a failed check and a failed connection make the answer no.
func TestJudge(t *testing.T) {
	t.Parallel()
	good, bad := &verdict.Proof{Checks: []verdict.Check{{OK: true}}}, &verdict.Proof{Checks: []verdict.Check{{}}}
	for _, c := range []struct {
		proof   *verdict.Proof
		counted []verify.Distribution
		says    string
	}{
		{good, counted[:1], ""},
		{good, counted, "not every connection was made"},
		{bad, counted[:1], "not proven: 1 of 1 checks say no"},
	} {
		said := ""
		if err := judge(c.proof, c.counted); err != nil {
			said = err.Error()
		}
		if said != c.says {
			t.Errorf("says %q, want %q", said, c.says)
		}
	}
}

// TestUnproven says what is left to be done after a change.
func TestUnproven(t *testing.T) {
	t.Parallel()
	service, san := verdict.Check{Advisory: true}, verdict.Check{MissingSAN: true}
	for _, c := range []struct {
		checks []verdict.Check
		says   string
	}{
		{[]verdict.Check{service}, "changed and confirmed, but not every service answers"},
		{[]verdict.Check{service, san}, "changed and confirmed, but not proven for clients that use the address: it is missing in the certificates"},
	} {
		if got := unproven(&verdict.Proof{Checks: c.checks}); got != c.says {
			t.Errorf("says %q, want %q", got, c.says)
		}
	}
}
