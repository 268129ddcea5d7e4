package analyst

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"crossfade.io/crossfade/analysis"
	"crossfade.io/crossfade/analysis/selectors"
	"crossfade.io/crossfade/apis/v1alpha1"
)

// inquiry is what is known of one Release.
type inquiry struct {
	uid     types.UID
	rollout string
	begun   time.Time
	ctx     context.Context
	cancel  context.CancelFunc

	mu sync.Mutex
	// release is the Release as it was when Judge was asked last.
	release   *v1alpha1.Release
	tell      func()
	askedAt   time.Time
	published published
	news      news
	// telling: the reconcile is about to be told of numbers.
	telling bool
	// running: a look is under way; again: another one is wanted. gone: nobody wants to know any more.
	running, again, gone bool
	timer                *time.Timer
	// answers are measurements that came in beside the looks.
	answers []event

	// What follows belongs to the look that is under way.
	metrics []*metric
	scopes  []*scope
	planned bool
	moves   bool
	// fault is why nothing can be judged; empty if it can.
	fault   string
	outlook string
}

// stop keeps the timer from firing. It holds the lock.
func (i *inquiry) stop() {
	if i.timer != nil {
		i.timer.Stop()
		i.timer = nil
	}
}

// look asks all sources for what is new, has it judged and publishes it. It returns when the next look is due. It has the turn, but
// where it waits for sources.
func (i *inquiry) look(a *Analyst, release *v1alpha1.Release) time.Time {
	course := courseOf(release)
	i.plan(release, a.Lag)
	i.open(a, release)
	if course.first().IsZero() {
		i.probe(a, course)
		i.publish(a, course, release)
		return a.Clock().Add(i.restless(course))
	}
	if known := course.first().Add(arrival); a.Clock().Before(known) {
		i.publish(a, course, release)
		return known
	}
	i.prepare(a, course)
	release, now := i.latest(a) // it may have waited for a source for long, and the Release has gone on
	course = courseOf(release)
	i.collect(a, course, now)
	i.publish(a, course, release)
	return i.next(a, course)
}

// latest is the Release as far as it is known now.
func (i *inquiry) latest(a *Analyst) (release *v1alpha1.Release, now time.Time) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.release, a.Clock()
}

// restless is how soon to look again before the first step.
func (i *inquiry) restless(c course) time.Duration {
	if i.unready(c) != "" {
		return again
	}
	return time.Minute
}

// plan finds out what is asked, once.
func (i *inquiry) plan(release *v1alpha1.Release, lag time.Duration) {
	if i.planned {
		return
	}
	c := courseOf(release)
	first := c.stepAt(c.first())
	asks, err := asksOf(release, factsOf(release, first))
	if err != nil {
		i.fault = err.Error()
		return
	}
	if i.fault = unread(asks); i.fault != "" {
		return
	}
	i.planned, i.moves = true, moves(release)
	if before := release.Status.Analysis; before != nil {
		i.outlook = before.Outlook // who was here before the first step has said it
	}
	scopes, book := map[string]*scope{}, selectors.Book{}
	for at, asked := range asks {
		m := &metric{ask: asked, step: first, when: asked.ref, arms: asked.arms(), lag: asked.lag(lag)}
		if test := release.Spec.Policy.Strategy.ABTest; m.Goal != nil && test != nil && test.Goal == m.name {
			m.decidesTest, m.when = true, &v1alpha1.AnalysisTemplateRef{Steps: []string{test.Step}}
		}
		m.set = book.Union(m.arms.all()...)
		i.metrics = append(i.metrics, m)
		if m.Goal != nil {
			continue
		}
		key := fmt.Sprint(asked.scope, " ", m.lag) // nothing waits for what is known later
		if asked.DryRun || asked.Threshold != nil {
			key = fmt.Sprint(key, " ", at) // what decides alone waits for no other metric
		}
		if scopes[key] == nil {
			scopes[key] = &scope{judgement: analysis.NewJudgement(0), decides: !asked.DryRun, ref: asked.ref}
			i.scopes = append(i.scopes, scopes[key])
		}
		scopes[key].metrics = append(scopes[key].metrics, m)
	}
}

// unread says which condition can't be read; empty if all can.
func unread(asks []ask) string {
	for _, asked := range asks {
		if asked.Threshold == nil {
			continue
		}
		if _, err := compiled(*asked.Threshold, asked.job()); err != nil {
			return fmt.Sprintf("metric %s: %v", asked.name, err)
		}
	}
	return ""
}

// open opens the sources that are not open yet.
func (i *inquiry) open(a *Analyst, release *v1alpha1.Release) {
	for _, m := range i.metrics {
		if m.source == nil {
			m.problem = i.use(a, release, m, m.ask)
		}
	}
}

// use has a metric ask this from now on, of its source.
func (i *inquiry) use(a *Analyst, release *v1alpha1.Release, m *metric, asked ask) (err error) {
	var source analysis.Source
	a.turns.aside(func() { source, err = a.Sources.Open(i.ctx, release, asked.ref, asked.source) })
	if err != nil {
		return err
	}
	counters, is := source.(analysis.CounterSource)
	if len(m.arms.all()) > 0 && !is {
		return errors.New("its source has no counters to compare; use threshold")
	}
	m.ask, m.source, m.counters, m.past = asked, source, counters, analysis.KnowsPast(source)
	return nil
}

// ready: all metrics without which nothing is decided have a judge, but for those that nobody can know anything of yet.
func (i *inquiry) ready(c course) bool {
	return i.planned && !slices.ContainsFunc(i.metrics, func(m *metric) bool { return m.holds() && !m.begun && !m.blank(c) })
}

// unready says which metric has no data, and how to mend it; empty if all have.
func (i *inquiry) unready(c course) string {
	if i.fault != "" {
		return i.fault
	}
	var all []string
	for _, m := range i.metrics {
		if said := "metric " + m.unready(); m.awaited(c) && m.problem != nil && !slices.Contains(all, said) {
			all = append(all, said)
		}
	}
	return strings.Join(all, "; ")
}

// batch is what is asked of sources at once: each query once, whichever metrics need it.
type batch struct {
	order   []request
	answers map[request]*answer
}

type request struct {
	source   analysis.CounterSource
	query    string
	from, to time.Time
}

type answer struct {
	series []analysis.Series
	err    error
}

func (b *batch) want(m *metric, from, to time.Time) {
	for _, query := range m.set.Queries {
		r := request{m.counters, query, from, to}
		if b.answers[r] == nil {
			if b.answers == nil {
				b.answers = map[request]*answer{}
			}
			b.answers[r] = &answer{}
			b.order = append(b.order, r)
		}
	}
}

// ask asks all at once, and waits for the answers.
func (b *batch) ask(ctx context.Context, a *Analyst) {
	var all sync.WaitGroup
	for _, r := range b.order {
		into := b.answers[r]
		all.Go(func() { into.series, into.err = a.samples(ctx, r.source, r.query, r.from, r.to) })
	}
	a.turns.aside(all.Wait)
}

// given is what was answered to a metric, or why it was not.
func (b *batch) given(m *metric, from, to time.Time) (map[string][]analysis.Series, error) {
	given := map[string][]analysis.Series{}
	for _, query := range m.set.Queries {
		got := b.answers[request{m.counters, query, from, to}]
		if got.err != nil {
			return nil, got.err
		}
		given[query] = got.series
	}
	return given, nil
}

// fetch asks for a range of each of these metrics, and returns what it was given; it notes who has no answer.
func (i *inquiry) fetch(a *Analyst, metrics []*metric, of func(*metric) window) map[*metric]map[string][]analysis.Series {
	var asked batch
	for _, m := range metrics {
		asked.want(m, of(m).start, of(m).end)
	}
	asked.ask(i.ctx, a)
	all := map[*metric]map[string][]analysis.Series{}
	for _, m := range metrics {
		given, err := asked.given(m, of(m).start, of(m).end)
		if m.problem = err; err == nil {
			all[m] = given
		}
	}
	return all
}

// counting are the open metrics that are told by counters.
func (i *inquiry) counting() []*metric {
	var all []*metric
	for _, m := range i.metrics {
		if m.counters != nil && len(m.set.Queries) > 0 {
			all = append(all, m)
		}
	}
	return all
}
