package workstation

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/render"
)

// TestSecrets: each of the three sources, and its value where it belongs.
func TestSecrets(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("KPLB_TEST_AUTH", "geheim42")
	if err := os.WriteFile(filepath.Join(home, "auth-pass"), []byte("geheim42\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, secret := range map[string]*inventory.Secret{
		"variable":      {Env: "KPLB_TEST_AUTH"},
		"home":          {File: "~/auth-pass"},
		"absolute path": {File: filepath.Join(home, "auth-pass")},
		"command":       {Command: []string{"printf", "%s", "geheim42"}},
	} {
		got, err := Secrets(t.Context(), &inventory.Cluster{VRRP: inventory.VRRP{Auth: secret}})
		if d := cmp.Diff(render.Secrets{"vrrp-auth": "geheim42"}, got); err != nil || d != "" {
			t.Errorf("%s: %v\n%s", name, err, d)
		}
	}
	if got, err := Secrets(t.Context(), &inventory.Cluster{}); err != nil || got != nil {
		t.Errorf("without a secret: %v, %v", got, err)
	}
	for want, secret := range map[string]*inventory.Secret{
		": vrrp.auth: running false for the secret: exit status 1":                            {Command: []string{"false"}},
		": vrrp.auth: reading the secret: open /nowhere/auth-pass: no such file or directory": {File: "/nowhere/auth-pass"},
	} {
		refused(t, func() error {
			_, err := Secrets(t.Context(), &inventory.Cluster{VRRP: inventory.VRRP{Auth: secret}})
			return err
		}, want)
	}
}

// TestSecretsWithoutHome: a file below the home directory of nobody is not read.
func TestSecretsWithoutHome(t *testing.T) {
	t.Setenv("HOME", "")
	refused(t, func() error {
		_, err := Secrets(t.Context(), &inventory.Cluster{VRRP: inventory.VRRP{Auth: &inventory.Secret{File: "~/auth-pass"}}})
		return err
	}, ": vrrp.auth: reading the secret: $HOME is not defined")
}
