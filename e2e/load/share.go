package load

import (
	"fmt"
	"math"
)

// Share is a count out of a total, such as a canary's part of the answers.
type Share struct {
	Count int
	Total int
}

// Ratio is Count/Total, 0–1; zero of nothing.
func (s Share) Ratio() float64 {
	if s.Total == 0 {
		return 0
	}
	return float64(s.Count) / float64(s.Total)
}

// StandardError is the binomial one of Ratio, 0–0.5; zero of nothing.
func (s Share) StandardError() float64 {
	if s.Total == 0 {
		return 0
	}
	return standardError(s.Ratio(), s.Total)
}

// Within reports whether the share is at most z binomial standard errors from p, the ratio that was asked for.
func (s Share) Within(p, z float64) bool {
	return WithinStandardErrors(s.Ratio(), s.Total, p, z)
}

// String gives the share as a person compares it: "103/1000 = 10.30 % ± 0.96 %".
func (s Share) String() string {
	return fmt.Sprintf("%d/%d = %.2f %% ± %.2f %%", s.Count, s.Total, 100*s.Ratio(), 100*s.StandardError())
}

// WithinStandardErrors reports whether an observed ratio (0–1) of n trials is at most z binomial standard errors
// from p (0–1). At p = 0 and p = 1 the standard error is zero, so only an exact match will do; n = 0 never does.
func WithinStandardErrors(observed float64, n int, p, z float64) bool {
	return n > 0 && math.Abs(observed-p) <= z*standardError(p, n)
}

func standardError(p float64, n int) float64 {
	return math.Sqrt(p * (1 - p) / float64(n))
}
