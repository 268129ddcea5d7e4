package analysis

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Source measures: it has one value at a time. It may be called by several at once, and returns when ctx ends at the latest.
type Source interface {
	// Value is what the query gives at that time. Its errors are ErrNoData, ErrUnreachable and ErrRefused.
	Value(ctx context.Context, query string, at time.Time) (Value, error)
}

// CounterSource is a source that also keeps what it scraped, one by one, so that whoever asks again later gets the same.
type CounterSource interface {
	Source
	// Samples are those that were stored after from and until to, of each series that the selector matches. Its errors are
	// ErrUnreachable and ErrRefused, and ErrNoData where the answer is known to lack some; none at all is no error, for a
	// counter of errors is not there before the first.
	Samples(ctx context.Context, selector string, from, to time.Time) ([]Series, error)
}

// PastSource is a source that keeps its past: asked later for the same time, it has the value of that time, as far as its points
// had come by then. A CounterSource is one without saying so.
type PastSource interface {
	Source
	// KnowsPast marks it.
	KnowsPast()
}

// KnowsPast says whether a source has values of times that are past.
func KnowsPast(source Source) bool {
	switch source.(type) {
	case CounterSource, PastSource:
		return true
	default:
		return false
	}
}

// Value is what a query gave: numbers or JSON.
type Value struct {
	// Numbers has one entry for each series, in the order of the answer; a plain number is one without labels. Empty where
	// the answer is JSON. Never NaN or infinite.
	Numbers []Number
	// JSON is what encoding/json decodes to any; nil where the answer is numbers.
	JSON any
}

// Number is the value of one series.
type Number struct {
	// Labels tell the series from others; nil where it has none.
	Labels map[string]string
	Value  float64
}

// Series is what was stored of one counter or histogram.
type Series struct {
	// Labels are all of its labels, with its name as __name__.
	Labels map[string]string
	// Samples are in order of time, as they were scraped: of no rate, and not interpolated.
	Samples []Sample
}

// Sample is one scrape of a series.
type Sample struct {
	Time time.Time
	// Value is that of a counter. NaN marks the end of a series; it is no value.
	Value float64
	// Histogram is set where the series is a native histogram; Value is then meaningless.
	Histogram *NativeHistogram
}

// Why a source has no answer. Errors of sources wrap one of these.
var (
	// ErrNoData is that the source answered, and has no value or not all of it. It may be asked again: data may come.
	ErrNoData = errors.New("no data")
	// ErrUnreachable is that it gave no answer in time, or none that can be used. It may be asked again.
	ErrUnreachable = errors.New("source unreachable")
	// ErrRefused is that it understood and won't: a query that is wrong, credentials that don't count. Asking again
	// changes nothing until someone mends it.
	ErrRefused = errors.New("query refused")
)

// SourceError says in one sentence which source had no answer, why, and how to mend it. It has no credentials, no address
// and nothing of an answer that could repeat them.
type SourceError struct {
	// Source is the name by which users know the source, such as "prometheus shop/thanos".
	Source string
	// Reason is ErrNoData, ErrUnreachable or ErrRefused.
	Reason error
	// Problem says what is wrong, and Mend what to do about it.
	Problem, Mend string
}

// Error is the sentence.
func (e *SourceError) Error() string {
	return fmt.Sprintf("%s of %s: %s; %s", e.Reason, e.Source, e.Problem, e.Mend)
}

// Unwrap is the reason.
func (e *SourceError) Unwrap() error { return e.Reason }
