// Package limit keeps a source that is slow or broken from holding up whoever asks it, and others from asking it too much.
package limit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"
	"k8s.io/klog/v2"

	"crossfade.io/crossfade/analysis"
)

// Limits are those of one source; each that is 0 has its default.
type Limits struct {
	// AtATime is how many requests are under way at once; 4. Others wait their turn.
	AtATime int
	// Wait bounds the wait for one's turn; 15 s.
	Wait time.Duration
	// Timeout bounds one request, from its turn on; 15 s.
	Timeout time.Duration
	// Failures is after how many requests in a row without an answer the source is left alone; 5. That there is no data, or
	// that a query is refused, is an answer. Requests whose context ended earlier, waiting or asking, say nothing; nor do those
	// while others were answered: it is the query that is too much, and not the source that is down.
	Failures uint32
	// Rest is how long it is left alone before one request tries it again; 30 s.
	Rest time.Duration
}

// Source is a source within limits. It is safe for use by several at once.
type Source struct {
	name   string
	source analysis.Source
	gate   *gate
}

// New puts limits on a source, called by its name in errors.
func New(name string, source analysis.Source, limits Limits) *Source {
	return &Source{name: name, source: source, gate: open(limits)}
}

// Value asks the source for a value, and has ErrUnreachable of it at once while it is left alone.
func (s *Source) Value(ctx context.Context, query string, at time.Time) (analysis.Value, error) {
	return pass(ctx, s.gate, s.name, func(ctx context.Context) (analysis.Value, error) { return s.source.Value(ctx, query, at) })
}

// Counters is a source of counters within limits, the same ones for values and samples.
type Counters struct {
	*Source

	counters analysis.CounterSource
}

// NewCounters puts limits on a source of counters, called by its name in errors.
func NewCounters(name string, source analysis.CounterSource, limits Limits) *Counters {
	return &Counters{Source: New(name, source, limits), counters: source}
}

// Samples asks the source for samples, and has ErrUnreachable of it at once while it is left alone.
func (c *Counters) Samples(ctx context.Context, selector string, from, to time.Time) ([]analysis.Series, error) {
	return pass(ctx, c.gate, c.name, func(ctx context.Context) ([]analysis.Series, error) {
		return c.counters.Samples(ctx, selector, from, to)
	})
}

// gate is what every request to a source goes through.
type gate struct {
	wait, timeout time.Duration
	slots         chan struct{}
	breaker       *gobreaker.CircuitBreaker[any]
	// answers counts those of the source.
	answers atomic.Int64
}

// noSign is the error of a request that says nothing of how the source is.
type noSign struct{ error }

func (n noSign) Unwrap() error { return n.error }

func open(limits Limits) *gate {
	failures := cmp.Or(limits.Failures, 5)
	return &gate{
		wait:    cmp.Or(limits.Wait, 15*time.Second),
		timeout: cmp.Or(limits.Timeout, 15*time.Second),
		slots:   make(chan struct{}, cmp.Or(limits.AtATime, 4)),
		breaker: gobreaker.NewCircuitBreaker[any](gobreaker.Settings{
			Timeout:      cmp.Or(limits.Rest, 30*time.Second),
			ReadyToTrip:  func(counts gobreaker.Counts) bool { return counts.ConsecutiveFailures >= failures },
			IsSuccessful: func(err error) bool { return !errors.Is(err, analysis.ErrUnreachable) },
			IsExcluded:   func(err error) bool { return errors.As(err, &noSign{}) },
		}),
	}
}

// pass asks within the limits of the gate.
func pass[T any](ctx context.Context, g *gate, name string, ask func(context.Context) (T, error)) (T, error) {
	var none T
	unreachable := func(problem, mend string) error {
		return &analysis.SourceError{Source: name, Reason: analysis.ErrUnreachable, Problem: problem, Mend: mend}
	}
	turn, cancel := context.WithTimeout(ctx, g.wait)
	defer cancel()
	select {
	case g.slots <- struct{}{}:
	case <-turn.Done():
		return none, unreachable(fmt.Sprintf("%d requests to it were under way all the time", cap(g.slots)), "see whether it is overloaded")
	}
	defer func() { <-g.slots }()
	answer, err := g.breaker.Execute(func() (any, error) {
		bounded, cancel := context.WithTimeout(ctx, g.timeout)
		defer cancel()
		before := g.answers.Load()
		answer, err := guarded(bounded, name, ask)
		switch {
		case err != nil && ctx.Err() != nil:
			return nil, noSign{unreachable("who asked gave up before it answered", "ask again, and give it more time")}
		case !errors.Is(err, analysis.ErrUnreachable):
			g.answers.Add(1)
		case g.answers.Load() > before:
			return nil, noSign{err}
		}
		return answer, err
	})
	switch {
	case errors.Is(err, gobreaker.ErrOpenState), errors.Is(err, gobreaker.ErrTooManyRequests):
		return none, unreachable("it gave no answer several times in a row, and is left alone for a while", "see whether it runs")
	case err != nil:
		return none, err
	}
	return answer.(T), nil
}

// guarded has an answer that its client can't digest cost no more than that answer: a source may be anybody's.
func guarded[T any](ctx context.Context, name string, ask func(context.Context) (T, error)) (answer T, err error) {
	defer func() {
		if recover() != nil {
			// What it panicked with may quote the answer.
			klog.Background().Error(nil, "the client of a source panicked", "source", name, "stack", string(debug.Stack()))
			err = &analysis.SourceError{Source: name, Reason: analysis.ErrUnreachable, Problem: "its answer can't be read", Mend: "see whether it is what the template says"}
		}
	}()
	return ask(ctx)
}
