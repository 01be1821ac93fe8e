package node

import (
	"strconv"
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
