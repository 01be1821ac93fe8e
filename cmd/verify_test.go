package cmd

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kplb/kplb/verdict"
)

var update = flag.Bool("update", false, "write the goldens anew")

// TestVerifyOutput prints proofs that rollout's tests have made (see its
// TestAudit), for people and for programs.
func TestVerifyOutput(t *testing.T) {
	t.Parallel()
	for name, says := range map[string]string{"audit": "", "audit-no": "not proven: 13 of 48 checks say no"} {
		text, err := os.ReadFile(filepath.Join("../testdata/verify", name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		var proof verdict.Proof
		if err := json.Unmarshal(text, &proof); err != nil {
			t.Fatal(err)
		}
		for format, file := range map[string]string{"text": "verify-" + name + ".txt", "json": "verify-" + name + ".json"} {
			var out, diagnostics bytes.Buffer
			err := printProof(&out, &proof, format)
			got := ""
			if err != nil {
				got = err.Error()
			}
			if d := cmp.Diff(says, got); d != "" || diagnostics.Len() > 0 {
				t.Errorf("%s as %s: %s%s", name, format, d, &diagnostics)
			}
			path := filepath.Join("testdata", file)
			if *update {
				if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), out.String()); d != "" {
				t.Errorf("%s (go test ./cmd -update writes it anew):\n%s", path, d)
			}
		}
	}
}

// TestVerification refuses numbers that make no sense.
func TestVerification(t *testing.T) {
	t.Parallel()
	for args, says := range map[string]string{
		"--distribution=-1": "--distribution must be a number from 1 to 100000, not -1",
		"--tries=0":         "--tries must be a number from 1 to 100000, not 0",
		"--idle=-1s":        "--idle must be a time from 0s to 24h0m0s, not -1s",
		"--idle=25h":        "--idle must be a time from 0s to 24h0m0s, not 25h0m0s",
		"--output=yaml":     `output must be text or json, not "yaml"`,
	} {
		code, _, diagnostics := runMain("verify", args)
		if code != exitUsage || !strings.HasPrefix(diagnostics, "kplb: "+says+"\n") {
			t.Errorf("%s ends with %d: %s", args, code, diagnostics)
		}
	}
}
