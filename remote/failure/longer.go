package failure

import (
	"strings"
	"time"
)

// Longer suggests a limit for what is only slow.
func Longer(limit time.Duration) string {
	text := (3 * limit).Round(time.Second).String()
	if minutes, ok := strings.CutSuffix(text, "m0s"); ok {
		return minutes + "m"
	}
	return text
}
