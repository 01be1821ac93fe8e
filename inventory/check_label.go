package inventory

import (
	"regexp"
	"strings"

	"github.com/kplb/kplb/source"
)

// mostLabels of a node are more than anybody selects by.
const mostLabels = 64

// labelChars is what Kubernetes takes for a label's name, and for its value
// where that is not empty (k8s.io/apimachinery, IsQualifiedName).
var labelChars = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$`)

func readLabels(c *source.Collector, p pairs) map[string]string {
	if len(p.items) == 0 {
		return nil
	}
	if len(p.items) > mostLabels {
		c.Add(p.items[mostLabels].at, p.Path+" has more than 64 labels", "write those that services select nodes by")
		return nil
	}
	out := map[string]string{}
	for _, item := range p.items {
		if !isLabelKey(item.key) {
			c.Add(item.at, p.Path+" has the key "+source.Quote(item.key)+", which is not a label of Kubernetes",
				"write at most 63 letters, digits, -, _ and dots, after a DNS name and a / if need be: example.org/pool")
			continue
		}
		out[item.key] = source.Read(c, item.value, labelValue, "")
	}
	return out
}

func isLabelKey(s string) bool {
	prefix, name, has := strings.Cut(s, "/")
	if !has {
		return labelChars.MatchString(s)
	}
	return isSubdomain(prefix) && labelChars.MatchString(name)
}

func labelValue(s source.Scalar) (string, *source.Fault) {
	if s.Text == "" && s.Kind == source.Text {
		return "", nil
	}
	if f := source.Literal(s); f != nil {
		return "", f
	}
	if !labelChars.MatchString(s.Text) {
		return "", source.Refuse(
			"is not the value of a label",
			"write at most 63 letters, digits, -, _ and dots, beginning and ending with a letter or digit",
		)
	}
	return s.Text, nil
}
