package load

import (
	"math"
	"slices"
	"time"
)

// Record is one scheduled request and what became of it.
type Record struct {
	// Scheduled is when the request was due: start + number/rate.
	Scheduled time.Time
	// Lag is how long after Scheduled it was sent; whole microseconds, zero if unsent.
	Lag time.Duration
	// Latency is from Scheduled to the last byte of the answer, or to the failure; whole microseconds, zero if unsent.
	Latency time.Duration
	// Target is the target's name.
	Target string
	// Version is the one that answered; empty if the answer named none or there was none.
	Version string
	// Status is the answer's status: HTTP's, or for gRPC 200 for OK and 600 + code otherwise. Zero means no answer.
	Status int
	// Fault is why the request failed; empty means it did not.
	Fault Fault
	// Post is true of a POST and of a gRPC call.
	Post bool
}

// Sent is the instant of sending; of an unsent request, its scheduled one.
func (r Record) Sent() time.Time { return r.Scheduled.Add(r.Lag) }

// Method is GET or POST.
func (r Record) Method() string {
	if r.Post {
		return "POST"
	}
	return "GET"
}

// Records is a set of requests, in no order that a caller may rely on. Its methods leave it as it is.
type Records []Record

// Between keeps requests sent at or after from and before until; one never sent counts at its scheduled instant.
func (r Records) Between(from, until time.Time) Records {
	return r.keep(func(record Record) bool {
		return !record.Sent().Before(from) && record.Sent().Before(until)
	})
}

// Of keeps the requests to one target.
func (r Records) Of(target string) Records {
	return r.keep(func(record Record) bool { return record.Target == target })
}

// Failed keeps the failed requests, unsent ones included.
func (r Records) Failed() Records {
	return r.keep(func(record Record) bool { return record.Fault != "" })
}

// Versions counts the answers that named a version, by version.
func (r Records) Versions() map[string]int {
	counts := map[string]int{}
	for _, record := range r {
		if record.Version != "" {
			counts[record.Version]++
		}
	}
	return counts
}

// Statuses counts the sent requests by status; 0 stands for no answer.
func (r Records) Statuses() map[int]int {
	counts := map[int]int{}
	for _, record := range r {
		if record.Fault != FaultUnsent {
			counts[record.Status]++
		}
	}
	return counts
}

// Faults counts the failed requests by fault.
func (r Records) Faults() map[Fault]int {
	counts := make(map[Fault]int)
	for _, record := range r {
		if record.Fault != "" {
			counts[record.Fault]++
		}
	}
	return counts
}

// Share is the part of the answers naming a version that named this one.
func (r Records) Share(version string) Share {
	share := Share{}
	for _, record := range r {
		if record.Version == "" {
			continue
		}
		share.Total++
		if record.Version == version {
			share.Count++
		}
	}
	return share
}

// Latency gives percentiles over the requests that were answered, whatever their status; all zero if none was.
func (r Records) Latency() Latency {
	return percentiles(r, func(record Record) time.Duration { return record.Latency })
}

// lag gives percentiles of how late answered requests were sent.
func (r Records) lag() Latency {
	return percentiles(r, func(record Record) time.Duration { return record.Lag })
}

func (r Records) keep(chosen func(Record) bool) Records {
	var kept Records
	for _, record := range r {
		if chosen(record) {
			kept = append(kept, record)
		}
	}
	return kept
}

// Millis is a length of time in milliseconds.
type Millis float64

// Latency is a distribution by exact percentiles (nearest rank).
type Latency struct {
	P50 Millis `json:"p50ms"`
	P90 Millis `json:"p90ms"`
	P95 Millis `json:"p95ms"`
	P99 Millis `json:"p99ms"`
	Max Millis `json:"maxms"`
}

func percentiles(records Records, measure func(Record) time.Duration) Latency {
	var sorted []time.Duration
	for _, record := range records {
		if record.Status != 0 {
			sorted = append(sorted, measure(record))
		}
	}
	if len(sorted) == 0 {
		return Latency{}
	}
	slices.Sort(sorted)
	rank := func(percent float64) Millis {
		index := int(math.Ceil(percent/100*float64(len(sorted)))) - 1
		return Millis(float64(sorted[index].Microseconds()) / 1000)
	}
	return Latency{P50: rank(50), P90: rank(90), P95: rank(95), P99: rank(99), Max: rank(100)}
}
