package shell

import (
	"bufio"
	"bytes"
)

// Stream gives what Run sends.
func (s Script) Stream(nonce string) []byte { return s.stream(nonce) }

// ParseFrames gives the records in what a host printed.
func ParseFrames(out []byte, nonce string) []Record {
	var records []Record
	f := newFrames(bufio.NewReaderSize(bytes.NewReader(out), 32<<10), nonce)
	for {
		line, err := f.next()
		if err != nil {
			return records
		}
		if r, begin, ok := parseRecord(line); ok && !begin {
			records = append(records, r)
		}
	}
}
