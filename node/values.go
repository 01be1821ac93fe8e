package node

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The forms in which programs are given values.

func flag(b bool) string {
	if b {
		return "1"
	}
	return ""
}

func number[T int | uint16](n T) string { return strconv.FormatInt(int64(n), 10) }

// port is empty for none.
func port(p uint16) string {
	if p == 0 {
		return ""
	}
	return number(p)
}

// seconds are whole ones.
func seconds(d time.Duration) string { return number(int(d.Seconds())) }

func joined[T fmt.Stringer](all []T, separator string) string {
	out := make([]string, len(all))
	for i, one := range all {
		out[i] = one.String()
	}
	return strings.Join(out, separator)
}
