package deployment

import (
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/util/intstr"
)

func TestSurgeIsAPercentageWhereverOneYieldsTheCount(t *testing.T) {
	cases := map[string]struct {
		r, n int32
		want any
	}{
		"half":                                 {4, 2, "50%"},
		"one of three, nearest to the ratio":   {3, 1, "33%"},
		"all":                                  {7, 7, "100%"},
		"one of one hundred":                   {100, 1, "1%"},
		"one of two hundred has no percentage": {200, 1, int64(1)},
		"two of two hundred":                   {200, 2, "1%"},
		"nothing of nothing":                   {0, 1, int64(1)},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, surgeFor(c.r, c.n)) })
	}
}

func TestSurgeYieldsExactlyTheCount(t *testing.T) {
	for r := int32(1); r <= 250; r++ {
		for n := int32(1); n <= r; n++ {
			value := intstr.FromInt32(n)
			if s, ok := surgeFor(r, n).(string); ok {
				value = intstr.FromString(s)
			}
			got, err := intstr.GetScaledValueFromIntOrPercent(&value, int(r), true)
			require.NoError(t, err)
			require.Equal(t, int(n), got, "%d of %d as %s", n, r, value.String())
			if r <= 100 {
				require.Equal(t, intstr.String, value.Type, "%d of %d", n, r)
			}
		}
	}
}
