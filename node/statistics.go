package node

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"net/http"
	"strconv"
	"strings"

	"github.com/kplb/kplb/remote"
)

// parseStats reads the apiservers' part of what parseBackends reads.
func parseStats(answer []byte) []Server {
	backends := parseBackends(answer)
	if backends == nil {
		return nil
	}
	servers := []Server{}
	for _, s := range backends[APIServerBackend] {
		servers = append(servers, s.Server)
	}
	return servers
}

// parseBackends reads the answer of HAProxy's statistics page in CSV (its
// management manual, section 9.1).
func parseBackends(answer []byte) map[string][]ServerStats {
	response, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(answer)), nil)
	if err != nil || response.StatusCode != http.StatusOK {
		return nil
	}
	defer response.Body.Close() //nolint:errcheck // it is in memory
	r := csv.NewReader(response.Body)
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
			return remote.Clean(row[i])
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
		out[backend] = append(out[backend], ServerStats{Server{name, get(row, "status"), checkOf(get(row, "check_status"), get(row, "check_code")), sessions}, total})
	}
	return out
}

// checkOf is the result of a health check as HAProxy's own page writes it. A
// star says that the next check is under way.
func checkOf(status, code string) string {
	status = strings.TrimPrefix(status, "* ")
	if code == "" {
		return status
	}
	return status + "/" + code
}

// APIServerBackend is the apiservers' backend in haproxy.cfg.
const APIServerBackend = "kube-apiserver"
