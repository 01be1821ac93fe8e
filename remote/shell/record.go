package shell

import (
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/kplb/kplb/remote/failure"
)

// Record is one framed line that a script reported.
type Record struct {
	Key    string
	Fields []string // cleaned, see Clean
}

// Data decodes field i, which record_data wrote.
func (r Record) Data(i int) ([]byte, error) {
	if i < 0 || i >= len(r.Fields) {
		return nil, fmt.Errorf("record %s has no field %d", r.Key, i)
	}
	data, err := base64.StdEncoding.DecodeString(r.Fields[i])
	if err != nil {
		return nil, fmt.Errorf("field %d of record %s is not base64: %w", i, r.Key, err)
	}
	return data, nil
}

// parseRecord takes what follows the nonce on a framed line, without the newline. A line without a key says that the script
// has begun.
func parseRecord(line string) (r Record, begin, ok bool) {
	if line == "" {
		return Record{}, true, true
	}
	fields, found := strings.CutPrefix(line, "\t")
	if !found {
		return Record{}, false, false
	}
	parts := strings.Split(fields, "\t")
	for i, part := range parts {
		parts[i] = failure.Clean(unescape(part))
	}
	if parts[0] == "" {
		return Record{}, false, false
	}
	return Record{Key: parts[0], Fields: parts[1:]}, false, true
}

var unescaper = strings.NewReplacer(`\\`, `\`, `\t`, "\t", `\n`, "\n")

func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	return unescaper.Replace(s)
}
