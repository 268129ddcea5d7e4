package sequential

import "math"

// The grid of ln r that a Band looks at: -6 to 6, that is ratios of 1/403 to 403.
const (
	gridPoints = 241
	gridStep   = 0.05
	gridLowest = -6.0
)

// Band is the range of ratios of rates that the data leave open, for people to look at: it covers the true ratio at all times
// with probability 1-alpha. It is a mixture over ln r with a normal prior, on a grid: section 2, engine A, "Band".
type Band struct {
	// likelihoods are ln of the likelihood at each point of the grid, up to a constant.
	likelihoods [gridPoints]float64
	// spread is the standard deviation of ln r in the prior.
	spread float64
	some   bool
}

// NewBand has a prior with mean 0 and this standard deviation of ln r: 1 for a canary, 0.25 for an A/B test.
func NewBand(spread float64) *Band { return &Band{spread: spread} }

// ratios are the points of the grid.
var ratios = func() (all [gridPoints]float64) {
	for i := range all {
		all[i] = math.Exp(gridAt(float64(i)))
	}
	return all
}()

func gridAt(i float64) float64 { return gridLowest + gridStep*i }

// Add takes one interval, and says whether it could: not if an arm had no exposures.
func (b *Band) Add(canary, stable Arm, phi float64) bool {
	if !Comparable(canary, stable) {
		return false
	}
	events := canary.Events + stable.Events
	if events == 0 {
		return true
	}
	b.some = true
	phi = inflation(phi)
	for i, r := range ratios {
		// ln(1-theta) and ln theta lack what is the same at all points.
		b.likelihoods[i] += (canary.Events*gridAt(float64(i)) - events*math.Log(r*canary.Exposures+stable.Exposures)) / phi
	}
	return true
}

// Range is the most likely ratio and the range that is open at level alpha. Low is 0, or high +Inf, where the data set no end.
// Without events it is 1 and all of it.
func (b *Band) Range(alpha float64) (ratio, low, high float64) {
	if !b.some {
		return 1, 0, math.Inf(1)
	}
	best := 0
	for i, likelihood := range b.likelihoods {
		if likelihood > b.likelihoods[best] {
			best = i
		}
	}
	mixture, shares := math.Inf(-1), math.Inf(-1)
	for i, likelihood := range b.likelihoods {
		share := -math.Pow(gridAt(float64(i))/b.spread, 2) / 2
		shares = logAdd(shares, share)
		mixture = logAdd(mixture, share+likelihood)
	}
	floor := mixture - shares + math.Log(alpha)
	return b.peak(best), b.end(best, -1, floor, 0), b.end(best, 1, floor, math.Inf(1))
}

// at is ln of the likelihood between points of the grid: the cubic through the nearest four.
func (b *Band) at(x float64) float64 {
	first := min(max(int(x)-1, 0), gridPoints-4)
	x -= float64(first)
	l := b.likelihoods[first : first+4]
	return -l[0]*(x-1)*(x-2)*(x-3)/6 + l[1]*x*(x-2)*(x-3)/2 - l[2]*x*(x-1)*(x-3)/2 + l[3]*x*(x-1)*(x-2)/6
}

// peak is the most likely ratio near the best point of the grid; 0 or +Inf if that is the end of the grid.
func (b *Band) peak(best int) float64 {
	switch best {
	case 0:
		return 0
	case gridPoints - 1:
		return math.Inf(1)
	}
	low, high := float64(best-1), float64(best+1)
	for range 60 {
		third := (high - low) / 3
		if b.at(low+third) < b.at(high-third) {
			low += third
		} else {
			high -= third
		}
	}
	return math.Exp(gridAt((low + high) / 2))
}

// end is where the likelihood falls below the floor, which is what is open, from the best point in a direction; open if it never does.
func (b *Band) end(best, direction int, floor, open float64) float64 {
	for i := best + direction; i >= 0 && i < gridPoints; i += direction {
		if b.likelihoods[i] > floor {
			continue
		}
		return math.Exp(gridAt(boundary(float64(i-direction), float64(i), func(x float64) bool { return b.at(x) <= floor })))
	}
	return open
}
