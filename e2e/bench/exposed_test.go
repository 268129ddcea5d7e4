package bench_test

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"slices"
	"testing"

	client "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/stretchr/testify/require"
)

// exposed are the controller's own metrics, as it serves them.
type exposed string

// read gives all of them, with native histograms, by name.
func (e exposed) read(b *testing.B) map[string]*client.MetricFamily {
	b.Helper()
	request, err := http.NewRequestWithContext(b.Context(), http.MethodGet, "http://"+string(e)+"/metrics", nil)
	require.NoError(b, err)
	format := expfmt.NewFormat(expfmt.TypeProtoDelim)
	request.Header.Set("Accept", string(format))
	response, err := http.DefaultClient.Do(request)
	require.NoError(b, err)
	defer response.Body.Close()
	families := map[string]*client.MetricFamily{}
	for decoder := expfmt.NewDecoder(response.Body, format); ; {
		family := &client.MetricFamily{}
		err := decoder.Decode(family)
		if errors.Is(err, io.EOF) {
			return families
		}
		require.NoError(b, err)
		families[family.GetName()] = family
	}
}

// heap says in MiB what Go's memory is made of.
func (e exposed) heap(b *testing.B) string {
	b.Helper()
	families := e.read(b)
	mebibytes := func(name string) float64 {
		return families["go_memstats_"+name+"_bytes"].GetMetric()[0].GetGauge().GetValue() / (1 << 20)
	}
	return fmt.Sprintf("heap in use %.0f, idle %.0f of which %.0f are given back, next collection at %.0f; stacks %.0f",
		mebibytes("heap_inuse"), mebibytes("heap_idle"), mebibytes("heap_released"), mebibytes("next_gc"), mebibytes("stack_inuse"))
}

// durations count what took so long, in buckets each of which ends at a power of 2^(2^-schema) seconds.
type durations struct {
	schema  int32
	buckets map[int32]float64
}

// reconciles are those of Releases, by how long they took.
func (e exposed) reconciles(b *testing.B) durations {
	b.Helper()
	for _, metric := range e.read(b)["controller_runtime_reconcile_time_seconds"].GetMetric() {
		if metric.GetLabel()[0].GetValue() != "release" {
			continue
		}
		native := metric.GetHistogram()
		d := durations{schema: native.GetSchema(), buckets: map[int32]float64{}}
		index, count, at := int32(0), int64(0), 0
		for _, span := range native.GetPositiveSpan() {
			index += span.GetOffset()
			for range span.GetLength() {
				count += native.GetPositiveDelta()[at]
				d.buckets[index] = float64(count)
				index, at = index+1, at+1
			}
		}
		return d
	}
	require.Fail(b, "the controller has timed nothing")
	return durations{}
}

// since is what came after an earlier time, of which the buckets may have been finer.
func (d durations) since(earlier durations) durations {
	rest := durations{schema: d.schema, buckets: maps.Clone(d.buckets)}
	for index, count := range earlier.buckets {
		for range earlier.schema - d.schema {
			index = (index + 1) >> 1
		}
		rest.buckets[index] -= count
	}
	return rest
}

func (d durations) count() (sum float64) {
	for _, count := range d.buckets {
		sum += count
	}
	return sum
}

// p99 is in milliseconds, and the end of its bucket.
func (d durations) p99() float64 {
	below, last := 0.0, 0.0
	for _, index := range slices.Sorted(maps.Keys(d.buckets)) {
		below += d.buckets[index]
		last = 1000 * math.Exp2(float64(index)*math.Exp2(-float64(d.schema)))
		if below >= 0.99*d.count() {
			break
		}
	}
	return last
}
