package gatewayapi

import (
	"fmt"

	"crossfade.io/crossfade/trafficrouting"
)

// maxWeight is the largest weight that the API admits (BackendRef.weight).
const maxWeight int64 = 1_000_000

// readable is the scale that turns the usual weight of 1 into percent.
const readable int64 = 100

// maxRefs is how many backendRefs a rule can have.
const maxRefs = 16

// assignment says where the requests of each Service go.
type assignment map[string][]trafficrouting.Share

// weighing is the backendRefs of one rule, split.
type weighing struct {
	refs []object
	// rendered are the weights of the user's own refs, by their order.
	rendered []int64
	scale    int64
}

// weigh splits the backendRefs of a rule. A request that meets weights w goes to backend i in w[i] of
// Σw cases, so every weight is multiplied by one scale that leaves all shares whole: other backends
// keep their proportion, and a weight of 0 stays 0. Backends that aren't the Service itself follow its
// ref as copies of it under another name, port, filters and unknown fields included.
func weigh(rule object, to assignment, namespace string) (weighing, error) {
	refs := refsOf(rule)
	shares := make([][]trafficrouting.Share, len(refs))
	split := false
	for i, ref := range refs {
		if name, ok := localService(ref, namespace); ok {
			shares[i] = to[name]
			split = split || len(shares[i]) > 1 || len(shares[i]) == 1 && shares[i][0].Backend.Service != name
		}
	}
	if !split {
		w := weighing{refs: refs, scale: 1}
		for _, ref := range refs {
			weight, _ := weightOf(ref)
			w.rendered = append(w.rendered, weight)
		}
		return w, nil
	}
	scale, err := scaleFor(refs, shares)
	if err != nil {
		return weighing{}, err
	}
	w := weighing{scale: scale}
	for i, ref := range refs {
		weight, _ := weightOf(ref)
		name, _ := ref["name"].(string)
		if shares[i] == nil {
			if scale > 1 {
				ref = weighted(ref, name, weight*scale)
			}
			w.refs = append(w.refs, ref)
			w.rendered = append(w.rendered, weight*scale)
			continue
		}
		rendered := int64(0)
		for _, share := range shares[i] {
			part := weight * scale * int64(share.PPM) / int64(trafficrouting.Whole)
			if share.Backend.Service == name {
				rendered = part
			}
			w.refs = append(w.refs, weighted(ref, share.Backend.Service, part))
		}
		w.rendered = append(w.rendered, rendered)
	}
	if len(w.refs) > maxRefs {
		return weighing{}, fmt.Errorf("it would have %d backendRefs and %d is the most; use fewer backends", len(w.refs), maxRefs)
	}
	return w, nil
}

// weighted returns a copy of a backendRef under this name and weight.
func weighted(ref object, name string, weight int64) object {
	out := shallow(ref)
	out["name"], out["weight"] = name, weight
	return out
}

// scaleFor returns the scale by which all weights of a rule become whole: 1 where the user's weights
// are as fine as percent already, else 100 where that is exact, so that people read 90 and 10, else
// the smallest that is exact. It fails where this takes a weight beyond the API's maximum.
func scaleFor(refs []object, shares [][]trafficrouting.Share) (int64, error) {
	smallest, total, largest := int64(1), int64(0), int64(0)
	for i, ref := range refs {
		weight, _ := weightOf(ref)
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
	fits := func(scale int64) bool { return largest*scale <= maxWeight*int64(trafficrouting.Whole) }
	switch {
	case smallest == 1 && total >= readable && fits(1):
		return 1, nil
	case readable%smallest == 0 && fits(readable):
		return readable, nil
	case fits(smallest):
		return smallest, nil
	}
	return 0, fmt.Errorf("its weights sum to %d, and to split them exactly they would have to grow %d times, to %d, and %d is the most; use smaller weights or a coarser share",
		total, smallest, largest*smallest/int64(trafficrouting.Whole), maxWeight)
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

func lcm(a, b int64) int64 { return a / gcd(a, b) * b }
