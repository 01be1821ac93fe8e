package remote

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

// ParseKnownHosts looks a name up.
func ParseKnownHosts(data []byte, name string) {
	var k knownHosts
	k.parse("f", data)
	k.algorithms(name, hostKeyAlgorithms)
	for _, l := range k.lines {
		k.state(name, l.key)
	}
}

// Keywords says what becomes of each keyword of ssh_config(5).
func Keywords() map[string]string {
	table := map[string]string{}
	for _, k := range keywords {
		table[k.name] = k.treatment.String()
	}
	return table
}
