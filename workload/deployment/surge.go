package deployment

import (
	"strconv"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/intstr"
)

var surgePath = []string{"spec", "strategy", "rollingUpdate", "maxSurge"}

// surgeFor says maxSurge for n canary pods beside r stable ones: as a percentage if one yields exactly
// n, so that the native controller keeps the ratio when it scales; else as a count.
//
// Of all percentages that yield n it is the largest, since it is nearest to n/r: with a smaller one,
// native scaling would leave stable short (4+2 at 26% becomes 7+4 of 8 wanted, at 50% 8+4).
func surgeFor(r, n int32) any {
	if r > 0 {
		if p := int64(n) * 100 / int64(r); resolve(p, r) == int64(n) {
			return strconv.FormatInt(p, 10) + "%"
		}
	}
	return int64(n)
}

// resolve says how many pods p percent of r are, rounded up as the native controller rounds maxSurge.
func resolve(p int64, r int32) int64 {
	return (p*int64(r) + 99) / 100
}

// surge is maxSurge as it is now, in pods.
func (v view) surge() int32 {
	value, _, _ := unstructured.NestedFieldNoCopy(v.obj.Object, surgePath...)
	bound := intstr.FromInt32(count(v.obj.Object, 0, surgePath...))
	if s, ok := value.(string); ok {
		bound = intstr.FromString(s)
	}
	n, err := intstr.GetScaledValueFromIntOrPercent(&bound, int(v.replicas), true)
	if err != nil {
		return 0
	}
	return int32(n)
}

// surplus is how many pods are asked for beyond the workload's size.
func (v view) surplus() int32 {
	all := -v.replicas
	for _, r := range v.revisions {
		all += r.replicas
	}
	return all
}
