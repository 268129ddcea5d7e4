package load

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"time"
)

// Sample is one line of the samples file: the requests of one second with the same target, version and status.
// A second's lines are written together, once no request of it can be in flight any more: the timeout after its end.
type Sample struct {
	// Second is the Unix second in which the requests were scheduled.
	Second  int64  `json:"second"`
	Target  string `json:"target"`
	Version string `json:"version"`
	// Status is as in Record.
	Status int `json:"status"`
	Count  int `json:"count"`
	Failed int `json:"failed"`
	// P50 is the median latency of the answered requests; zero if there were none.
	P50 Millis `json:"p50ms"`
}

// sampler gathers the records of the seconds that are not written yet.
type sampler struct {
	timeout time.Duration
	seconds map[int64]Records
}

func newSampler(timeout time.Duration) *sampler {
	return &sampler{timeout: timeout, seconds: map[int64]Records{}}
}

func (s *sampler) add(record Record) {
	second := record.Scheduled.Unix()
	s.seconds[second] = append(s.seconds[second], record)
}

// complete reports whether all requests of a second have ended by now; the last term allows for a busy machine.
func (s *sampler) complete(second int64, now time.Time) bool {
	return now.Sub(time.Unix(second+1, 0)) > s.timeout+time.Second/2
}

// take removes the seconds that are due and encodes them, oldest first.
func (s *sampler) take(due func(second int64) bool) []byte {
	var lines bytes.Buffer
	encoder := json.NewEncoder(&lines)
	for _, second := range slices.Sorted(maps.Keys(s.seconds)) {
		if !due(second) {
			continue
		}
		for _, sample := range samplesOf(second, s.seconds[second]) {
			_ = encoder.Encode(sample) // into memory, and always encodable
		}
		delete(s.seconds, second)
	}
	return lines.Bytes()
}

func samplesOf(second int64, records Records) []Sample {
	groups := map[Sample]Records{}
	for _, record := range records {
		key := Sample{Second: second, Target: record.Target, Version: record.Version, Status: record.Status}
		groups[key] = append(groups[key], record)
	}
	var samples []Sample
	for sample, group := range groups {
		sample.Count, sample.Failed, sample.P50 = len(group), len(group.Failed()), group.Latency().P50
		samples = append(samples, sample)
	}
	slices.SortFunc(samples, func(a, b Sample) int {
		return cmp.Or(cmp.Compare(a.Target, b.Target), cmp.Compare(a.Version, b.Version), cmp.Compare(a.Status, b.Status))
	})
	return samples
}
