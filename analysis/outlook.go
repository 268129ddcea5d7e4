package analysis

import (
	"math"
	"time"

	"crossfade.io/crossfade/analysis/sequential"
)

// Outlook is about how long it takes until a canary that is as good as stable passes, at this traffic and weight, on average: by
// its ratio to stable, or by having next to no events, whatever is sooner. 0 is longer than a day. What scrapes and their storing
// take is not in it.
func (c Comparison) Outlook(traffic sequential.Traffic) time.Duration {
	limit := c.Limit
	const half = 0.5
	if c.LimitAtHalf > 0 && traffic.Weight >= half {
		limit = c.LimitAtHalf
	}
	seconds := traffic.Seconds(1, limit, c.AlphaPass, sequential.OvershootSafe)
	if rate := traffic.Rate * traffic.Weight; rate > 0 && c.Floor > 0 {
		seconds = math.Min(seconds, c.underFloor(sequential.NewMeets(c.Floor), math.Inf(-1), traffic.Base, traffic.Phi)/rate)
	}
	const longest = 24 * 3600
	if !(seconds < longest) {
		return 0
	}
	return time.Duration(seconds * float64(time.Second))
}

// underFloor is how many requests of the canary, with events at this rate, show that it has fewer than the floor, which is half of
// the bet; +Inf if they don't. The other half is that it is under the limit, of which limit is ln of the evidence.
func (c Comparison) underFloor(under *sequential.Threshold, limit, rate, phi float64) float64 {
	if !(c.Floor > 0) || rate >= c.Floor {
		return math.Inf(1)
	}
	shown := func(requests float64) bool {
		more := under.Clone()
		more.Add(sequential.Arm{Exposures: requests, Events: requests * rate}, math.Max(phi, 1))
		return reaches(sequential.Merge([]float64{limit, more.Log()}, nil), c.AlphaPass)
	}
	const mostRequests, steps = 1 << 30, 10
	few, many := 0.0, -math.Log(c.AlphaPass)*math.Max(phi, 1)/c.Floor // no request is worth more than the floor
	for !shown(many) {
		if few, many = many, 2*many; many > mostRequests {
			return math.Inf(1)
		}
	}
	for range steps {
		if middle := (few + many) / 2; shown(middle) {
			many = middle
		} else {
			few = middle
		}
	}
	return many
}
