package load

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"
)

const (
	// flushEvery bounds how long the raw log lags behind the requests that have ended.
	flushEvery = 200 * time.Millisecond
	// examplesKept is how many failures of one fault and target are reported in full.
	examplesKept = 3
)

// Example is one failed request in full.
type Example struct {
	Scheduled time.Time `json:"scheduled"`
	Target    string    `json:"target"`
	Method    string    `json:"method"`
	Fault     Fault     `json:"fault"`
	Detail    string    `json:"detail"`
}

// recorder keeps every record in memory and writes the files that the config names.
type recorder struct {
	raw, samples *os.File // nil when not asked for
	closing      chan struct{}
	closed       chan struct{}

	mu       sync.Mutex
	records  Records
	failures []Example
	kept     map[[2]string]int // by target and fault
	pending  bytes.Buffer      // raw lines not yet written
	lines    *csv.Writer       // into pending
	sampler  *sampler
	err      error // the first of writing the files
}

func newRecorder(config Config) (*recorder, error) {
	r := &recorder{
		closing: make(chan struct{}), closed: make(chan struct{}),
		kept: map[[2]string]int{}, sampler: newSampler(config.Timeout),
	}
	r.lines = csv.NewWriter(&r.pending)
	var err error
	if config.RawFile != "" {
		if r.raw, err = os.Create(config.RawFile); err != nil {
			return nil, fmt.Errorf("create raw log: %w", err)
		}
		_ = r.lines.Write(rawColumns) // into memory
	}
	if config.SamplesFile != "" {
		if r.samples, err = os.Create(config.SamplesFile); err != nil {
			return nil, fmt.Errorf("create samples file: %w", err)
		}
	}
	go r.flushRegularly()
	return r, nil
}

func (r *recorder) add(record Record, detail string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.records = append(r.records, record)
	if r.raw != nil {
		_ = r.lines.Write(rawLine(record))
	}
	if r.samples != nil {
		r.sampler.add(record)
	}
	group := [2]string{record.Target, string(record.Fault)}
	if record.Fault != "" && r.kept[group] < examplesKept {
		r.kept[group]++
		r.failures = append(r.failures, Example{record.Scheduled, record.Target, record.Method(), record.Fault, detail})
	}
}

func (r *recorder) snapshot() Records {
	r.mu.Lock()
	defer r.mu.Unlock()
	// Records are only ever appended, so sharing those there are is safe; the cap keeps a caller's append off them.
	return slices.Clip(r.records)
}

func (r *recorder) examples() []Example {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.SortedStableFunc(slices.Values(r.failures), func(a, b Example) int {
		return a.Scheduled.Compare(b.Scheduled)
	})
}

func (r *recorder) failure() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

func (r *recorder) flushRegularly() {
	defer close(r.closed)
	ticker := time.NewTicker(flushEvery)
	defer ticker.Stop()
	for {
		select {
		case now := <-ticker.C:
			r.flush(func(second int64) bool { return r.sampler.complete(second, now) })
		case <-r.closing:
			r.flush(func(int64) bool { return true })
			return
		}
	}
}

// flush writes whole lines at once: what has been recorded, and the seconds that are due.
func (r *recorder) flush(due func(second int64) bool) {
	r.mu.Lock()
	r.lines.Flush()
	raw := bytes.Clone(r.pending.Bytes())
	r.pending.Reset()
	samples := r.sampler.take(due)
	r.mu.Unlock()

	for _, part := range []struct {
		file *os.File
		text []byte
	}{{r.raw, raw}, {r.samples, samples}} {
		if part.file == nil || len(part.text) == 0 {
			continue
		}
		if _, err := part.file.Write(part.text); err != nil {
			r.fail(err)
		}
	}
}

// close writes what is left; no record may be added after it.
func (r *recorder) close() {
	close(r.closing)
	<-r.closed
	for _, file := range []*os.File{r.raw, r.samples} {
		if file == nil {
			continue
		}
		if err := file.Close(); err != nil {
			r.fail(err)
		}
	}
}

func (r *recorder) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		r.err = err // an *fs.PathError: it names the act and the file
	}
}
