package analysis

import (
	"time"

	"crossfade.io/crossfade/analysis/sequential"
)

// blocks are the lengths of time over which noise is looked for; an interval by itself is looked at too.
var blocks = []time.Duration{15 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute}

// Calibrate finds phi from a time, such as six hours, in which nothing was released. Each history has some of stable's pods as
// Canary, about as many as the canary gets of the requests, and the others as Stable; with few pods there is a history for
// each of them against the rest. Known is false if there is too little to tell, and phi is then 1.
func Calibrate(histories ...[]Interval) (phi float64, known bool) {
	lengths := make([][]sequential.Residual, len(blocks))
	for _, history := range histories {
		for i, length := range blocks {
			lengths[i] = append(lengths[i], residuals(history, length)...)
		}
	}
	return sequential.Phi(lengths...)
}

// residuals has one for each block of that length in which there was an interval. Intervals belong to the block that they begin in.
func residuals(history []Interval, length time.Duration) []sequential.Residual {
	var all []sequential.Residual
	var number time.Duration
	for k, interval := range history {
		residual := sequential.NewResidual(sequential.Arm(interval.Canary), sequential.Arm(interval.Stable), 1)
		current := interval.Start.Sub(history[0].Start) / length
		if k > 0 && current == number {
			all[len(all)-1] = all[len(all)-1].Plus(residual)
			continue
		}
		all, number = append(all, residual), current
	}
	return all
}
