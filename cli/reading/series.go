package reading

import (
	"encoding/csv"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"crossfade.io/crossfade/apis/v1alpha1"
)

// Point is what was known of a metric at one time. What isn't known is NaN; High may be +Inf.
type Point struct {
	// At is how long the Release had lasted.
	At time.Duration
	// Ratio with its band, which of a Goal is the difference, and ln of the evidence.
	Ratio, Low, High, Worse, Safe float64
	// Canary and Stable are rates, quantiles in seconds, shares or values, by the kind of the metric.
	Canary, Stable float64
	// CanaryRequests and StableRequests are those since the point before; of a Goal users.
	CanaryRequests, StableRequests float64
}

// Points are those of one metric, oldest first.
type Points []Point

// Series returns the points of a metric. Columns that it doesn't know are passed over.
func Series(m v1alpha1.MetricStatus) (Points, error) {
	rows, err := csv.NewReader(strings.NewReader(m.Series)).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("read series of metric %s: %w", m.Name, err)
	}
	var points Points
	for i, row := range rows {
		if i == 0 {
			continue
		}
		cell := map[string]float64{}
		for j, name := range rows[0] {
			cell[name] = Number(row[j])
		}
		of := func(name string) float64 {
			if v, ok := cell[name]; ok {
				return v
			}
			return math.NaN()
		}
		seconds := of("seconds")
		if math.IsNaN(seconds) || math.IsInf(seconds, 0) {
			return nil, fmt.Errorf("read series of metric %s: row %d has no seconds", m.Name, i)
		}
		points = append(points, Point{
			At:    time.Duration(seconds * float64(time.Second)),
			Ratio: of("ratio"), Low: of("low"), High: of("high"), Worse: of("worse"), Safe: of("safe"),
			Canary: of("canary"), Stable: of("stable"), CanaryRequests: of("canaryRequests"), StableRequests: of("stableRequests"),
		})
	}
	return points, nil
}

// Number reads a number as status has it; NaN if there is none.
func Number(text string) float64 {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return math.NaN()
	}
	return v
}

// Banded says whether the ratio has a band.
func (p Points) Banded() bool {
	return slices.ContainsFunc(p, func(at Point) bool { return !math.IsNaN(at.Low) && !math.IsNaN(at.High) })
}

// Last returns the latest known value of a column, or NaN.
func (p Points) Last(of func(Point) float64) float64 {
	for i := len(p) - 1; i >= 0; i-- {
		if v := of(p[i]); !math.IsNaN(v) {
			return v
		}
	}
	return math.NaN()
}
