package source

import "testing"

// TestNearest: a typing error finds its word, and another word finds none.
func TestNearest(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]string{
		"nmae": "name", "naem": "name", "VIP": "vip", "node": "nodes", "advert_interval": "advertInterval",
		"x": "", "": "", "vvip": "vip", "completely": "", "v": "",
	} {
		if got := Nearest(word, []string{"name", "vip", "nodes", "advertInterval"}); got != want {
			t.Errorf("nearest(%q) = %q, want %q", word, got, want)
		}
	}
}
