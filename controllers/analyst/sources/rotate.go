package sources

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"crossfade.io/crossfade/analysis"
	"crossfade.io/crossfade/analysis/egress"
)

const (
	// freshFor is how long what was read of Secrets is believed.
	freshFor = time.Minute
	// againAfter is when it is tried again where they could not be read.
	againAfter = 5 * time.Second
)

// rotating is a source that is made anew whenever a Secret of it has changed, or which addresses are denied.
type rotating struct {
	sources         *Sources
	name, namespace string
	// named are the Secrets of the source.
	named []string
	// build makes the source of what its Secrets have.
	build func(entries) (analysis.Source, error)

	mu sync.Mutex
	// due is when to look again. state is of what source was made; err is why there is none.
	due    time.Time
	state  string
	source analysis.Source
	err    error
}

// current is the source as its Secrets are now. It reads them once a minute at most.
func (r *rotating) current(ctx context.Context) (analysis.Source, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.sources.options.Clock()
	if now.Before(r.due) {
		return r.source, r.err
	}
	found, err := r.read(ctx)
	switch {
	case ctx.Err() != nil:
		return nil, r.fails(analysis.ErrUnreachable, "its Secrets could not be read in time", "ask again")
	case err != nil && r.source != nil && !lasting(err):
		r.due = now.Add(againAfter) // an API server that is away takes no credentials back
		return r.source, nil
	case err != nil:
		r.due, r.state, r.source, r.err = now.Add(againAfter), "", nil, err
		return nil, err
	}
	r.due = now.Add(freshFor)
	if state := found.state(); state != r.state {
		r.state = state
		if r.source, r.err = r.build(found); r.err != nil {
			r.source, r.err = nil, fmt.Errorf("%w: %w", analysis.ErrRefused, r.err)
		}
	}
	return r.source, r.err
}

// read has what the source is made of.
func (r *rotating) read(ctx context.Context) (entries, error) {
	denied, err := r.sources.options.Denied(ctx)
	if err != nil {
		return entries{}, r.fails(analysis.ErrUnreachable, "the addresses that may not be asked could not be found out", "see whether the API server answers")
	}
	secrets, err := r.secrets(ctx)
	return entries{
		name: r.name, namespace: r.namespace, secrets: secrets,
		guard: egress.Guard{Deny: slices.Concat(denied, r.sources.options.Deny), Allow: r.sources.options.Allow},
	}, err
}

func (r *rotating) fails(reason error, problem, mend string) error {
	return &analysis.SourceError{Source: r.name, Reason: reason, Problem: problem, Mend: mend}
}

// Value asks the source as it is now.
func (r *rotating) Value(ctx context.Context, query string, at time.Time) (analysis.Value, error) {
	source, err := r.current(ctx)
	if err != nil {
		return analysis.Value{}, err
	}
	return source.Value(ctx, query, at)
}

// counting is a rotating source of counters.
type counting struct{ *rotating }

// Samples asks the source as it is now.
func (c counting) Samples(ctx context.Context, selector string, from, to time.Time) ([]analysis.Series, error) {
	source, err := c.current(ctx)
	if err != nil {
		return nil, err
	}
	return source.(analysis.CounterSource).Samples(ctx, selector, from, to)
}
