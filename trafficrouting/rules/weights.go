package rules

import (
	"fmt"
	"slices"

	"crossfade.io/crossfade/trafficrouting"
)

// readable is the scale that turns the usual weight of 1 into percent.
const readable int64 = 100

// assignment says where the requests of each Service go.
type assignment map[string][]trafficrouting.Share

// weighing is the backends of one rule, split.
type weighing struct {
	refs []Object
	// headers are what is changed for each of refs; nil is nothing.
	headers []*trafficrouting.Headers
	// rendered are the weights of the user's own backends, by their order.
	rendered []int64
	scale    int64
}

// weigh splits the backends of a rule. A request that meets weights w goes to backend i in w[i] of
// Σw cases, so every weight is multiplied by one scale that leaves all shares whole: other backends
// keep their proportion, and a weight of 0 stays 0. Backends that aren't the Service itself follow it
// as copies of it under another name, port, filters and unknown fields included.
func (r Route) weigh(rule Rule, to assignment, namespace string) (weighing, error) {
	refs, weights := r.Refs(rule), r.Weights(rule)
	shares := make([][]trafficrouting.Share, len(refs))
	split := false
	for i, ref := range refs {
		if name, ok := r.Service(ref, namespace); ok {
			shares[i] = r.serving(to[name], name)
			split = split || len(shares[i]) > 1 || len(shares[i]) == 1 && (shares[i][0].Backend.Service != name || shares[i][0].Headers != nil)
		}
	}
	if !split {
		return weighing{refs: refs, headers: make([]*trafficrouting.Headers, len(refs)), scale: 1, rendered: weights}, nil
	}
	scale, err := r.scaleFor(weights, shares)
	if err != nil {
		return weighing{}, err
	}
	w := weighing{scale: scale}
	for i, ref := range refs {
		name, _ := r.Service(ref, namespace)
		if shares[i] == nil {
			if scale > 1 {
				ref = r.weighted(Shallow(ref), weights[i]*scale)
			}
			w.refs, w.headers = append(w.refs, ref), append(w.headers, nil)
			w.rendered = append(w.rendered, weights[i]*scale)
			continue
		}
		rendered := int64(0)
		for _, share := range shares[i] {
			part := weights[i] * scale * int64(share.PPM) / int64(trafficrouting.Whole)
			if share.Backend.Service == name {
				rendered = part
			}
			w.refs, w.headers = append(w.refs, r.weighted(r.Renamed(ref, bare(share.Backend.Service)), part)), append(w.headers, share.Headers)
		}
		w.rendered = append(w.rendered, rendered)
	}
	if most := r.Format().MaxRefs; len(w.refs) > most {
		return weighing{}, fmt.Errorf("it would have %d %s and %d is the most; use fewer backends", len(w.refs), r.Format().Lists[rule.List].Refs, most)
	}
	return w, nil
}

// serving leaves out what was added for a Service and has no share, where the data plane is not to know it.
func (r Route) serving(shares []trafficrouting.Share, base string) []trafficrouting.Share {
	if !r.Format().MustServe {
		return shares
	}
	return slices.DeleteFunc(slices.Clone(shares), func(s trafficrouting.Share) bool { return s.PPM == 0 && s.Backend.Service != base })
}

// weighted gives a copy of a backend this weight.
func (r Route) weighted(ref Object, weight int64) Object {
	ref[r.weightField()] = weight
	return ref
}

// scaleFor returns the scale by which all weights of a rule become whole: 1 where the user's weights
// are as fine as percent already, else 100 where that is exact, so that people read 90 and 10, else
// the smallest that is exact. It fails where this takes a weight beyond the API's maximum.
func (r Route) scaleFor(weights []int64, shares [][]trafficrouting.Share) (int64, error) {
	smallest, total, largest := int64(1), int64(0), int64(0)
	for i, weight := range weights {
		total += weight
		if shares[i] == nil {
			largest = max(largest, weight*int64(trafficrouting.Whole))
		}
		for _, share := range shares[i] {
			ppm := weight * int64(share.PPM)
			largest = max(largest, ppm)
			smallest = lcm(smallest, int64(trafficrouting.Whole)/gcd(int64(trafficrouting.Whole), ppm))
		}
	}
	most := r.Format().MaxWeight
	fits := func(scale int64) bool { return largest <= most*int64(trafficrouting.Whole)/scale }
	switch {
	case smallest == 1 && total >= readable && fits(1):
		return 1, nil
	case readable%smallest == 0 && fits(readable):
		return readable, nil
	case fits(smallest), smallest == 1: // what the user wrote, the user may have
		return smallest, nil
	}
	return 0, fmt.Errorf("its weights sum to %d, and to split them exactly they would have to grow %d times, to %.0f, and %d is the most; use smaller weights or a coarser share",
		total, smallest, float64(largest)*float64(smallest)/float64(trafficrouting.Whole), most)
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

func lcm(a, b int64) int64 { return a / gcd(a, b) * b }
