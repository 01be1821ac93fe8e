package haproxy

import (
	"bytes"
	"encoding/csv"
	"strconv"
	"strings"
)

// ServerState is a server as a running HAProxy sees it, in the words of its
// statistics.
type ServerState struct {
	Name     string
	Status   string // UP, DOWN, UP 1/2 and so on
	Check    string // the result of the last health check, with the HTTP status where there is one: L7OK/200
	Sessions int    // now
}

// Up says whether HAProxy sends connections to the server.
func (s ServerState) Up() bool { return strings.HasPrefix(s.Status, "UP") }

// ServerStats is a server, and how many connections it has got since HAProxy
// last started or reloaded.
type ServerStats struct {
	ServerState
	Total int
}

// ParseStats reads the statistics in CSV (management manual of HAProxy, 9.1): the
// servers of each backend. It returns nil for what is no such table. Columns and
// numbers that are missing are zero.
func ParseStats(table []byte) map[string][]ServerStats {
	r := csv.NewReader(bytes.NewReader(table))
	r.FieldsPerRecord = -1
	rows, err := r.ReadAll()
	if err != nil || len(rows) == 0 {
		return nil
	}
	column := map[string]int{}
	for i, name := range rows[0] {
		column[strings.TrimPrefix(name, "# ")] = i
	}
	get := func(row []string, name string) string {
		if i, ok := column[name]; ok && i < len(row) {
			return row[i]
		}
		return ""
	}
	out := map[string][]ServerStats{}
	for _, row := range rows[1:] {
		backend, name := get(row, "pxname"), get(row, "svname")
		if name == "BACKEND" || name == "FRONTEND" {
			continue
		}
		sessions, _ := strconv.Atoi(get(row, "scur"))
		total, _ := strconv.Atoi(get(row, "stot"))
		state := ServerState{name, get(row, "status"), checkResult(get(row, "check_status"), get(row, "check_code")), sessions}
		out[backend] = append(out[backend], ServerStats{state, total})
	}
	return out
}

// checkResult is the result of a health check as HAProxy's own page writes it. A
// star in front says that the next check is under way.
func checkResult(status, code string) string {
	status = strings.TrimPrefix(status, "* ")
	if code == "" {
		return status
	}
	return status + "/" + code
}
