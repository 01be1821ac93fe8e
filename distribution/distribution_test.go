package distribution

import (
	"slices"
	"testing"
)

// TestKubeconfigs: the list is the caller's own, and the layout stays as it is.
func TestKubeconfigs(t *testing.T) {
	t.Parallel()
	admins := append(make([]string, 0, 4), "/a", "/b")
	l := Layout{AdminKubeconfigs: admins, KubeletKubeconfig: "/k"}
	first := l.Kubeconfigs()
	first[0], first[2] = "x", "y"
	if got := l.Kubeconfigs(); !slices.Equal(got, []string{"/a", "/b", "/k"}) || admins[:3][2] != "" {
		t.Errorf("kubeconfigs are %q", got)
	}
}
