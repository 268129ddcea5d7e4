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
	if requests := c.underFloor(traffic); traffic.Rate*traffic.Weight > 0 {
		seconds = math.Min(seconds, requests/(traffic.Rate*traffic.Weight))
	}
	const longest = 24 * 3600
	if !(seconds < longest) {
		return 0
	}
	return time.Duration(seconds * float64(time.Second))
}

// underFloor is how many requests of the canary show that it has fewer events than the floor; half of the bet is on that.
func (c Comparison) underFloor(traffic sequential.Traffic) float64 {
	if !(c.Floor > 0) || traffic.Base >= c.Floor {
		return math.Inf(1)
	}
	const mostRequests = 1 << 30
	for requests := 64.0; requests < mostRequests; requests *= 1.1 {
		meets := sequential.NewMeets(c.Floor)
		meets.Add(sequential.Arm{Exposures: requests, Events: requests * traffic.Base}, math.Max(traffic.Phi, 1))
		if meets.Log() >= -math.Log(c.AlphaPass)+math.Ln2 {
			return requests
		}
	}
	return math.Inf(1)
}
