package render

import (
	"math"
	"testing"
)

func TestMaxConn(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, config string
		want         uint64
	}{
		{"of the global section", "global\n    maxconn 4096\ndefaults\n    maxconn 9\n", 4096},
		{"the largest of two", "global\n    maxconn 4096\n    maxconn 90000000\n", 90000000},
		{"a section that is not indented differently", "  global\nmaxconn 7\nfrontend f\nmaxconn 9\n", 7},
		{"none", "defaults\n    maxconn 9\n", 0},
		{"a comment", "global\n    # maxconn 9\n", 0},
		{"no number", "global\n    maxconn many\n", 0},
		{"beyond all numbers", "global\n    maxconn 99999999999999999999999\n", math.MaxUint32},
	} {
		if got := MaxConn([]byte(c.config)); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}
