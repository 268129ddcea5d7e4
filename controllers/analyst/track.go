package analyst

import (
	"math"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"crossfade.io/crossfade/analysis"
	"crossfade.io/crossfade/apis/v1alpha1"
)

const (
	// mostVerdicts is how many changes of a verdict are kept.
	mostVerdicts = 8
	// mostPoints is how many points a course has at most; all metrics together have allPoints, so that what is left of a Release
	// stays small.
	mostPoints, fewestPoints, allPoints = 60, 6, 80
	// longestReason is what is kept of a reason, in bytes, and briefReason of one that is past.
	longestReason, briefReason = 240, 90
)

// track is what is kept of the course of a metric. Equal intervals leave equal tracks.
type track struct {
	// most is how many points are kept; when they are full, two each become one, and from then on each is of twice as many.
	most, stride int
	pooling      pooling
	points       []kept
	// open is the point that is being filled, of so many intervals.
	open   point
	filled int

	verdict  v1alpha1.Verdict
	verdicts []v1alpha1.VerdictStatus
}

// pooling is how the values of two points become those of one.
type pooling int

const (
	// ofArms: they are of each arm's own requests.
	ofArms pooling = iota
	// ofAll: they are shares of all requests.
	ofAll
	// soFar: they are of all that happened until then, of which the later is the whole.
	soFar
)

// point is a metric at a time: what it came to by then, and what happened since the point before.
type point struct {
	at                            time.Time
	ratio, low, high, worse, safe float64
	// canary and stable are means by requests, NaN where nothing is known.
	canary, stable                 float64
	canaryRequests, stableRequests float64
}

// kept is a point in half the memory: with the digits that people are shown, and some more.
type kept struct {
	at     int64 // in seconds since 1970
	values [9]float32
}

func (p point) kept() kept {
	k := kept{at: p.at.Unix()}
	for i, v := range p.values() {
		k.values[i] = float32(v)
	}
	return k
}

func (k kept) point() point {
	v := k.values
	return point{
		at: time.Unix(k.at, 0), ratio: float64(v[0]), low: float64(v[1]), high: float64(v[2]), worse: float64(v[3]), safe: float64(v[4]),
		canary: float64(v[5]), stable: float64(v[6]), canaryRequests: float64(v[7]), stableRequests: float64(v[8]),
	}
}

// values are in the order in which they are told.
func (p point) values() [9]float64 {
	return [9]float64{p.ratio, p.low, p.high, p.worse, p.safe, p.canary, p.stable, p.canaryRequests, p.stableRequests}
}

// pointsOf is how many points each of so many metrics may have.
func pointsOf(metrics int) int {
	even := allPoints / max(metrics, 1) / 2 * 2
	return min(max(even, fewestPoints), mostPoints)
}

func newTrack(metrics int, by pooling) track {
	return track{most: pointsOf(metrics), stride: 1, pooling: by}
}

// add notes what came of one interval or measurement.
func (t *track) add(p point) {
	t.open = t.merge(t.open, p, t.filled == 0)
	if t.filled++; t.filled < t.stride {
		return
	}
	if t.points == nil {
		t.points = make([]kept, 0, t.most)
	}
	t.points, t.filled = append(t.points, t.open.kept()), 0
	if len(t.points) < t.most {
		return
	}
	half := t.points[:0]
	for i := 0; i+1 < len(t.points); i += 2 {
		half = append(half, t.merge(t.points[i].point(), t.points[i+1].point(), false).kept())
	}
	t.points, t.stride = half, 2*t.stride
}

// merge is both as one. Quantiles have no exact mean; this is for people to look at.
func (t *track) merge(a, b point, first bool) point {
	if first {
		return b
	}
	canaryA, canaryB, stableA, stableB := a.canaryRequests, b.canaryRequests, a.stableRequests, b.stableRequests
	if t.pooling == ofAll {
		canaryA, canaryB = canaryA+stableA, canaryB+stableB
		stableA, stableB = canaryA, canaryB
	}
	if t.pooling != soFar {
		b.canary, b.stable = mean(a.canary, canaryA, b.canary, canaryB), mean(a.stable, stableA, b.stable, stableB)
	}
	b.canaryRequests, b.stableRequests = a.canaryRequests+b.canaryRequests, a.stableRequests+b.stableRequests
	return b
}

// mean is that of two values by their weights; one that isn't known counts for nothing.
func mean(a, weightA, b, weightB float64) float64 {
	switch {
	case math.IsNaN(a):
		return b
	case math.IsNaN(b):
		return a
	case weightA+weightB > 0:
		return (a*weightA + b*weightB) / (weightA + weightB)
	default:
		return (a + b) / 2
	}
}

// judged notes a verdict, if it is another one. To begin with there is no data, which goes without saying.
func (t *track) judged(at time.Time, f analysis.Finding) {
	if f.Verdict == t.verdict || t.verdict == "" && f.Verdict == v1alpha1.VerdictNoData {
		return
	}
	t.verdict = f.Verdict
	t.verdicts = append(t.verdicts, v1alpha1.VerdictStatus{At: metav1.NewMicroTime(at.UTC()), Verdict: f.Verdict, Reason: shortened(f.Reason, briefReason)})
	if len(t.verdicts) > mostVerdicts {
		t.verdicts = t.verdicts[len(t.verdicts)-mostVerdicts:]
	}
}

// table is the course as comma-separated values, in seconds since the Release began; empty without points.
func (t *track) table(begun time.Time) string {
	all := t.points
	if t.filled > 0 {
		all = append(all[:len(all):len(all)], t.open.kept())
	}
	if len(all) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("seconds,ratio,low,high,worse,safe,canary,stable,canaryRequests,stableRequests\n")
	for _, p := range all {
		b.WriteString(strconv.FormatInt(p.at-begun.Unix(), 10))
		for _, v := range p.values {
			b.WriteString("," + digits(float64(v)))
		}
		b.WriteString("\n")
	}
	return b.String()
}

// digits writes a number with three digits that count; what isn't known is empty.
func digits(v float64) string {
	switch {
	case math.IsNaN(v):
		return ""
	case math.IsInf(v, 0) || v == 0:
		return strconv.FormatFloat(v+0, 'g', -1, 64)
	case math.Abs(v) >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	default:
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
}

func shortened(reason string, most int) string {
	if len(reason) <= most {
		return reason
	}
	return strings.ToValidUTF8(reason[:most], "") + "..."
}
