package kubeadm

import (
	"bytes"
	"net/netip"
	"os"
	"testing"
)

// TestLikeIn goes back from whatever an upgrade has left.
func TestLikeIn(t *testing.T) {
	t.Parallel()
	genuine, err := os.ReadFile("../testdata/kubeadm/good/genuine.yaml")
	if err != nil {
		t.Fatal(err)
	}
	bound, err := Distribution{}.BindTo(genuine, netip.MustParseAddr("10.1.1.1"))
	if err != nil {
		t.Fatal(err)
	}
	const last = "    - --tls-private-key-file=/etc/kubernetes/pki/apiserver.key\n"
	if !bytes.Contains(genuine, []byte(last)) {
		t.Fatal("the sample has another last flag")
	}
	for name, now := range map[string][]byte{
		"after an apply": bound,
		// kubeadm puts what the patch says behind what it writes itself
		"after an upgrade": bytes.Replace(genuine, []byte(last), []byte(last+"    - --advertise-address=10.1.1.1\n    - --bind-address=10.1.1.1\n"), 1),
		"already back":     genuine,
	} {
		back, err := Distribution{}.LikeIn(now, genuine)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if !bytes.Equal(back, genuine) {
			t.Errorf("%s: not as it was:\n%s", name, back)
		}
	}
}
