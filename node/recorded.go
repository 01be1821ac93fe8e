package node

import (
	"fmt"
	"strconv"

	clusterrecord "github.com/kplb/kplb/record"
)

// Recorded is the record of its cluster that a node keeps: of the current generation, or of
// the newest that has one, where a kplb without records has made the current one.
type Recorded struct {
	Record *clusterrecord.Record // nil: there is none, or it cannot be read
	Err    error                 // why it cannot be read, with its path: a *record.NewerError is in it
}

// takeRecords reads the records among the files. Whoever stages a change says its number
// in the record alone.
func takeRecords(f *Facts) {
	if current, err := strconv.Atoi(f.Generation()); err == nil {
		for n := current; n > 0 && f.Recorded == (Recorded{}); n-- {
			f.Recorded = recordedIn(f.Files, recordPath(n), n)
		}
	}
	if file, there := f.Files[pendingRecordPath]; there && len(file.Content) > 0 {
		r, err := clusterrecord.Parse(file.Content)
		if err != nil {
			err = fmt.Errorf("%s: %w", pendingRecordPath, err)
		}
		f.PendingRecorded = Recorded{r, err}
	}
}

// recordedIn reads the record at a path. One that says another generation than the path is none.
func recordedIn(files map[string]File, path string, generation int) Recorded {
	file, there := files[path]
	if !there {
		return Recorded{}
	}
	if !file.Mode.IsRegular() {
		return Recorded{Err: fmt.Errorf("%s: is not a regular file", path)}
	}
	return parseRecorded(file.Content, path, generation)
}

func parseRecorded(content []byte, path string, generation int) Recorded {
	r, err := clusterrecord.Parse(content)
	if err == nil && r.Generation != generation {
		err = fmt.Errorf("is of generation %d", r.Generation)
	}
	if err != nil {
		return Recorded{Err: fmt.Errorf("%s: %w", path, err)}
	}
	return Recorded{Record: r}
}

// recordPath is where the record of a generation is.
func recordPath(generation int) string {
	return fmt.Sprintf("%s/generations/%d/record", basePath, generation)
}
