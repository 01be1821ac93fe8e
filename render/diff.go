package render

import (
	"bytes"

	"github.com/rogpeppe/go-internal/diff"
)

// Diff is the unified diff of a file, with secrets blanked. It is empty where
// the two are equal; a nil side is a file that is not there.
func Diff(oldName string, old []byte, newName string, content []byte) []byte {
	if bytes.Equal(old, content) && (old == nil) == (content == nil) {
		return nil
	}
	if old == nil {
		oldName = "/dev/null"
	}
	if content == nil {
		newName = "/dev/null"
	}
	if len(old) == 0 && len(content) == 0 {
		return []byte("diff " + oldName + " " + newName + "\n(an empty file)\n")
	}
	redactedOld, redactedNew := Redact(old), Redact(content)
	if bytes.Equal(redactedOld, redactedNew) {
		return []byte("diff " + oldName + " " + newName + "\n(a secret changes; it is not shown)\n")
	}
	return diff.Diff(oldName, redactedOld, newName, redactedNew)
}
