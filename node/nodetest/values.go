package nodetest

import (
	"fmt"
	"io/fs"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/kplb/kplb/node"
)

// values are a program's variables.
type values map[string]string

func (v values) words(name string) []string {
	if words := strings.Fields(v[name]); len(words) > 0 {
		return words
	}
	return nil
}

func (v values) flag(name string) bool { return v[name] == "1" }

func (v values) number(name string) int {
	if v[name] == "" {
		return 0
	}
	n, err := strconv.Atoi(v[name])
	if err != nil {
		panic(fmt.Sprintf("nodetest: %s: %v", name, err))
	}
	return n
}

// unsigned is a number of so many bits.
func (v values) unsigned(name string, bits int) uint64 {
	if v[name] == "" {
		return 0
	}
	n, err := strconv.ParseUint(v[name], 10, bits)
	if err != nil {
		panic(fmt.Sprintf("nodetest: %s: %v", name, err))
	}
	return n
}

func (v values) port(name string) uint16 { return uint16(v.unsigned(name, 16)) } //nolint:gosec // it has 16 bits

func (v values) seconds(name string) time.Duration {
	return time.Duration(v.number(name)) * time.Second
}

func (v values) sum(name string) node.Sum { return sum(v[name]) }

func sum(text string) node.Sum {
	if text == "absent" {
		return ""
	}
	return node.Sum(text)
}

func mode(octal string) fs.FileMode {
	m, err := strconv.ParseUint(octal, 8, 32)
	if err != nil {
		panic("nodetest: " + err.Error())
	}
	return fs.FileMode(m)
}

func listen(text string) netip.AddrPort {
	return netip.MustParseAddrPort(strings.Replace(text, "*:", "[::]:", 1))
}

func address(text string) netip.Addr {
	if text == "" || text == "any" {
		return netip.Addr{}
	}
	return netip.MustParseAddr(text)
}

func addresses(words []string) []netip.Addr {
	if len(words) == 0 {
		return nil
	}
	out := make([]netip.Addr, len(words))
	for i, word := range words {
		out[i] = address(word)
	}
	return out
}
