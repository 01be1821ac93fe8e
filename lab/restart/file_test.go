//go:build restarts

package restart

import (
	"os"
	"strconv"
	"syscall"
)

// fileNumber is the inode.
func fileNumber(info os.FileInfo) string {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return strconv.FormatUint(stat.Ino, 10)
	}
	return ""
}
