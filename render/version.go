package render

import (
	"fmt"
	"regexp"
	"strconv"
)

// Version is the version of a daemon; what an installed version does not know
// is not rendered for it.
type Version struct{ Major, Minor, Patch int }

// The versions that are rendered for when nothing is known of a node: Debian
// 12's.
var (
	DefaultHAProxy    = Version{2, 6, 12}
	DefaultKeepalived = Version{2, 2, 7}
)

// The oldest versions that the templates are made for.
var (
	MinHAProxy    = Version{2, 2, 0}
	MinKeepalived = Version{2, 0, 0}
	// MinKeepalived6 announces IPv6 VIPs; before it, the first one has to be link-local.
	MinKeepalived6 = Version{2, 2, 4}
)

var versionForm = regexp.MustCompile(`(\d{1,4})\.(\d{1,4})(?:\.(\d{1,4}))?`)

// ParseVersion finds the first version in text, such as the output of
// haproxy -v, keepalived --version, or a package's version.
func ParseVersion(text string) (Version, error) {
	m := versionForm.FindStringSubmatch(text)
	if m == nil {
		return Version{}, fmt.Errorf("%q holds no version like 2.6.12", text)
	}
	var v Version
	for i, p := range []*int{&v.Major, &v.Minor, &v.Patch} {
		if m[i+1] != "" {
			*p, _ = strconv.Atoi(m[i+1]) // four digits at most: cannot overflow
		}
	}
	return v, nil
}

// Before says whether v is older than w.
func (v Version) Before(w Version) bool {
	if v.Major != w.Major {
		return v.Major < w.Major
	}
	if v.Minor != w.Minor {
		return v.Minor < w.Minor
	}
	return v.Patch < w.Patch
}

// AtLeast is for templates: {{ if .HAProxy.AtLeast "2.4" }}.
func (v Version) AtLeast(text string) (bool, error) {
	w, err := ParseVersion(text)
	return !v.Before(w), err
}

func (v Version) String() string { return fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Patch) }
