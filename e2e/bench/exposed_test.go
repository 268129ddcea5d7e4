package bench_test

import (
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// histogram is how many reconciles of Releases took at most so many seconds each.
type histogram map[float64]float64

var reconciles = regexp.MustCompile(`(?m)^controller_runtime_reconcile_time_seconds_bucket\{controller="release",le="([^"]+)"\} (\S+)$`)

// timed reads what the controller has timed so far.
func timed(b *testing.B, address string) histogram {
	b.Helper()
	request, err := http.NewRequestWithContext(b.Context(), http.MethodGet, "http://"+address+"/metrics", nil)
	require.NoError(b, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(b, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(b, err)
	h := histogram{}
	for _, line := range reconciles.FindAllStringSubmatch(string(text), -1) {
		edge, err := strconv.ParseFloat(line[1], 64)
		require.NoError(b, err)
		h[edge], err = strconv.ParseFloat(line[2], 64)
		require.NoError(b, err)
	}
	require.NotEmpty(b, h, "the controller has timed nothing")
	return h
}

// since is what came after an earlier time.
func (h histogram) since(earlier histogram) histogram {
	rest := histogram{}
	for edge, count := range h {
		rest[edge] = count - earlier[edge]
	}
	return rest
}

func (h histogram) count() (most float64) {
	for _, count := range h {
		most = max(most, count)
	}
	return most
}

// p99 is within its bucket as if what is in it were spread evenly.
func (h histogram) p99() float64 {
	rank, below, lower := 0.99*h.count(), 0.0, 0.0
	for _, edge := range slices.Sorted(maps.Keys(h)) {
		if h[edge] >= rank && h[edge] > below {
			return lower + (edge-lower)*(rank-below)/(h[edge]-below)
		}
		below, lower = h[edge], edge
	}
	return lower
}
