package sequential

import "math"

// noisiest is where phi is clamped: beyond it, nothing would ever be shown.
const noisiest = 50

// fewestBlocks is how many blocks of a length there must be for them to say something of phi.
const fewestBlocks = 12

// Residual is how far the canary's events in some intervals are from their expected share of all events, and what
// independent events would make of that, squared.
type Residual struct {
	Excess, Variance float64
}

// NewResidual is that of one interval, if the true ratio of rates is this: 1 where the canary is stable under another name.
func NewResidual(canary, stable Arm, ratio float64) Residual {
	if !Comparable(canary, stable) {
		return Residual{}
	}
	share := ratio * canary.Exposures / (ratio*canary.Exposures + stable.Exposures)
	events := canary.Events + stable.Events
	return Residual{Excess: canary.Events - events*share, Variance: events * share * (1 - share)}
}

// Plus is that of both intervals together. Each keeps its own share, so a weight or a base rate that moves makes no noise.
func (r Residual) Plus(other Residual) Residual {
	return Residual{Excess: r.Excess + other.Excess, Variance: r.Variance + other.Variance}
}

// Square is Pearson's X2 of it, with mean 1 for independent events; 0 where nothing was to be seen.
func (r Residual) Square() float64 {
	if r.Variance <= 0 {
		return 0
	}
	return r.Excess * r.Excess / r.Variance
}

// Phi is how many times noisier the split of events is than that of independent ones, 1 to 50, from a time in which nothing
// was released: for each length of blocks, all blocks of that length. It is the largest of the means of X2, since noise that lasts
// shows in long blocks only. A length with fewer than 12 blocks that have events says nothing. Without any it is 1, and known
// is false.
func Phi(lengths ...[]Residual) (phi float64, known bool) {
	phi = 1
	for _, blocks := range lengths {
		squares, count := 0.0, 0.0
		for _, block := range blocks {
			if block.Variance > 0 {
				squares, count = squares+block.Square(), count+1
			}
		}
		if count >= fewestBlocks {
			phi, known = math.Max(phi, squares/count), true
		}
	}
	return math.Min(phi, noisiest), known
}

// Noise learns phi during a release, where there is no history. It starts from 8, since from 1 it would learn too late, and
// uses past intervals only, so that tests stay fair. Residuals are against the ratio so far, so that a canary which is worse
// isn't taken for noise. Use NewNoise.
type Noise struct {
	// canary and stable are the sums of the Mantel-Haenszel estimate of the ratio.
	canary, stable float64
	short, long    learner
	block          Residual
	number         int64
}

// learner is the mean of X2 with a prior of so many blocks of 8.
type learner struct {
	squares, count float64
}

func newLearner(blocks float64) learner { return learner{squares: 8 * blocks, count: blocks} }

func (l *learner) add(r Residual) {
	if r.Variance > 0 {
		l.squares, l.count = l.squares+r.Square(), l.count+1
	}
}

// NewNoise has a prior as strong as 60 intervals and 30 blocks.
func NewNoise() *Noise { return &Noise{short: newLearner(60), long: newLearner(30)} }

// Phi is what is known before the next interval, 1 to 50.
func (n *Noise) Phi() float64 {
	phi := math.Max(n.short.squares/n.short.count, n.long.squares/n.long.count)
	return math.Min(math.Max(phi, 1), noisiest)
}

// Add learns from an interval, once it has been used. Intervals of one block, such as a minute, have the same number; it rises.
func (n *Noise) Add(canary, stable Arm, number int64) {
	if !Comparable(canary, stable) {
		return
	}
	if number != n.number {
		n.long.add(n.block)
		n.block, n.number = Residual{}, number
	}
	// One event each beside those seen: the first ones don't make an extreme of it.
	residual := NewResidual(canary, stable, (n.canary+1)/(n.stable+1))
	n.short.add(residual)
	n.block = n.block.Plus(residual)
	all := canary.Exposures + stable.Exposures
	n.canary += canary.Events * stable.Exposures / all
	n.stable += stable.Events * canary.Exposures / all
}
