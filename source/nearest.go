package source

import "strings"

// Nearest is the allowed word that a person who wrote word probably meant, or "".
func Nearest(word string, allowed []string) string {
	if len(word) > 40 {
		return ""
	}
	best, least := "", 3
	for _, a := range allowed {
		d := distance(folded(word), folded(a))
		if d < least && d*3 <= max(len(a), 3) {
			best, least = a, d
		}
	}
	return best
}

// folded takes away what other tools spell differently: virtual_router_id.
func folded(s string) string {
	return strings.ToLower(strings.NewReplacer("_", "", "-", "", " ", "").Replace(s))
}

// distance counts the single-letter insertions, deletions, replacements and
// swaps of neighbours that turn a into b.
func distance(a, b string) int {
	var beforeLast, last []int
	for j := range len(b) + 1 {
		last = append(last, j)
	}
	for i := range len(a) {
		row := make([]int, 1, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			d := min(row[j]+1, last[j+1]+1, last[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				d = min(d, beforeLast[j-1]+1)
			}
			row = append(row, d)
		}
		beforeLast, last = last, row
	}
	return last[len(b)]
}
