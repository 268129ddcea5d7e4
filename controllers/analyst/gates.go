package analyst

import (
	"context"
	"sync"
	"time"

	"crossfade.io/crossfade/analysis"
)

// gates bound the queries that are under way, of each source by itself: one that is silent holds up nobody else's.
type gates struct {
	mu   sync.Mutex
	open map[analysis.Source]*gate
}

// gate is there as long as somebody uses it.
type gate struct {
	slots chan struct{}
	users int
}

// through waits for a turn at the source and asks; it says how long the answer took. It waits without end: a later turn is
// better than none.
func (g *gates) through(ctx context.Context, source analysis.Source, clock func() time.Time, ask func() error) (time.Duration, error) {
	gate := g.enter(source)
	defer g.leave(source, gate)
	select {
	case gate.slots <- struct{}{}:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	defer func() { <-gate.slots }()
	start := clock()
	err := ask()
	return clock().Sub(start), err
}

func (g *gates) enter(source analysis.Source) *gate {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.open == nil {
		g.open = map[analysis.Source]*gate{}
	}
	if g.open[source] == nil {
		g.open[source] = &gate{slots: make(chan struct{}, atATime)}
	}
	g.open[source].users++
	return g.open[source]
}

func (g *gates) leave(source analysis.Source, gate *gate) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if gate.users--; gate.users == 0 {
		delete(g.open, source)
	}
}

// samples asks a source for what a query matches in a range.
func (a *Analyst) samples(ctx context.Context, source analysis.CounterSource, query string, from, to time.Time) (series []analysis.Series, err error) {
	took, err := a.gates.through(ctx, source, a.Clock, func() error {
		series, err = source.Samples(ctx, query, from, to)
		return err
	})
	a.Metrics.asked(took, err)
	return series, err
}

// valueAside asks a source for a value, for one who has the turn.
func (a *Analyst) valueAside(ctx context.Context, source analysis.Source, query string, at time.Time) (value analysis.Value, err error) {
	a.turns.aside(func() { value, err = a.value(ctx, source, query, at) })
	return value, err
}

// value asks a source for a value.
func (a *Analyst) value(ctx context.Context, source analysis.Source, query string, at time.Time) (value analysis.Value, err error) {
	took, err := a.gates.through(ctx, source, a.Clock, func() error {
		value, err = source.Value(ctx, query, at)
		return err
	})
	a.Metrics.asked(took, err)
	return value, err
}
