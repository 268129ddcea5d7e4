package deployment

import (
	"strconv"
)

// surgeFor says maxSurge for n canary pods beside r stable ones: as a percentage if one yields exactly
// n, so that the native controller keeps the ratio when it scales; else as a count.
//
// Of all percentages that yield n it is the largest, since it is nearest to n/r: with a smaller one,
// native scaling would leave stable short (4+2 at 26% becomes 7+4 of 8 wanted, at 50% 8+4).
func surgeFor(r, n int32) any {
	if r > 0 {
		if p := int64(n) * 100 / int64(r); resolve(p, r) == int64(n) {
			return strconv.FormatInt(p, 10) + "%"
		}
	}
	return int64(n)
}

// resolve says how many pods p percent of r are, rounded up as the native controller rounds maxSurge.
func resolve(p int64, r int32) int64 {
	return (p*int64(r) + 99) / 100
}
