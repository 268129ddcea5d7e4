package limit

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"crossfade.io/crossfade/analysis"
)

// source answers what answer says.
type source struct {
	answer func(context.Context) error
	asked  int
	mu     sync.Mutex
}

func (s *source) Value(ctx context.Context, _ string, _ time.Time) (analysis.Value, error) {
	s.mu.Lock()
	s.asked++
	s.mu.Unlock()
	return analysis.Value{JSON: "answer"}, s.answer(ctx)
}

func (s *source) Samples(ctx context.Context, _ string, _, _ time.Time) ([]analysis.Series, error) {
	return []analysis.Series{{}}, s.answer(ctx)
}

func fails(reason error) error {
	return &analysis.SourceError{Source: "web shop/test", Reason: reason, Problem: "it is broken", Mend: "mend it"}
}

func TestBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failure := fails(analysis.ErrUnreachable)
		s := &source{answer: func(context.Context) error { return failure }}
		limited := NewCounters("web shop/test", s, Limits{Failures: 3, Rest: time.Minute})
		ask := func() error {
			_, err := limited.Value(t.Context(), "query", time.Time{})
			return err
		}
		for range 3 {
			require.ErrorContains(t, ask(), "it is broken")
		}
		require.ErrorContains(t, ask(), "left alone")
		require.ErrorIs(t, ask(), analysis.ErrUnreachable)
		_, err := limited.Samples(t.Context(), "query", time.Time{}, time.Time{})
		require.ErrorContains(t, err, "left alone", "the limits are those of the source")
		require.Equal(t, 3, s.asked, "it was not asked while left alone")

		time.Sleep(time.Minute + time.Second) //nolint:forbidigo // of the fake clock of synctest
		require.ErrorContains(t, ask(), "it is broken", "one request tries it")
		require.ErrorContains(t, ask(), "left alone")

		time.Sleep(time.Minute + time.Second) //nolint:forbidigo // of the fake clock of synctest
		failure = nil
		require.NoError(t, ask())
		require.NoError(t, ask())

		for _, reason := range []error{analysis.ErrNoData, analysis.ErrRefused} {
			failure = fails(reason)
			for range 5 {
				require.ErrorIs(t, ask(), reason, "it is an answer")
			}
		}
	})
}

// TestAnswerThatNobodyCanRead: a client that panics at an answer costs nobody else anything.
func TestAnswerThatNobodyCanRead(t *testing.T) {
	broken := true
	limited := NewCounters("web shop/test", &source{answer: func(context.Context) error {
		if broken {
			panic("an answer that is nil")
		}
		return nil
	}}, Limits{AtATime: 1})
	_, err := limited.Value(t.Context(), "query", time.Time{})
	require.ErrorIs(t, err, analysis.ErrUnreachable)
	require.EqualError(t, err, "source unreachable of web shop/test: its answer can't be read; see whether it is what the template says")
	_, err = limited.Samples(t.Context(), "query", time.Time{}, time.Time{})
	require.ErrorIs(t, err, analysis.ErrUnreachable)
	broken = false
	_, err = limited.Value(t.Context(), "query", time.Time{})
	require.NoError(t, err, "its turn was given back")
}

// TestQueriesThatAreTooMuch: who asks too much of a source that others use has none of them wait for it.
func TestQueriesThatAreTooMuch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{answer: func(ctx context.Context) error {
			if ctx.Value(heavy{}) != nil {
				<-ctx.Done()
				return fails(analysis.ErrUnreachable)
			}
			return nil
		}}
		limited := New("web shop/test", s, Limits{AtATime: 8, Timeout: 10 * time.Second, Failures: 5, Rest: time.Minute})
		var all sync.WaitGroup
		for range 6 {
			all.Go(func() {
				_, err := limited.Value(context.WithValue(t.Context(), heavy{}, true), "query", time.Time{})
				require.ErrorContains(t, err, "it is broken")
			})
		}
		synctest.Wait()
		_, err := limited.Value(t.Context(), "query", time.Time{})
		require.NoError(t, err)
		all.Wait()
		_, err = limited.Value(t.Context(), "query", time.Time{})
		require.NoError(t, err, "it was answering others")

		for range 6 {
			all.Go(func() {
				_, err := limited.Value(context.WithValue(t.Context(), heavy{}, true), "query", time.Time{})
				require.ErrorContains(t, err, "it is broken")
			})
		}
		all.Wait()
		_, err = limited.Value(t.Context(), "query", time.Time{})
		require.ErrorContains(t, err, "left alone", "it answered nobody")
	})
}

// heavy marks a query in its context.
type heavy struct{}

func TestAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{answer: func(ctx context.Context) error {
			<-ctx.Done()
			return fails(analysis.ErrUnreachable)
		}}
		slow := New("web shop/slow", s, Limits{AtATime: 2, Wait: 700 * time.Millisecond, Timeout: time.Second, Failures: 100})
		quick := New("web shop/quick", &source{answer: func(context.Context) error { return nil }}, Limits{})
		var all sync.WaitGroup
		failures := make([]error, 10)
		for i := range failures {
			all.Go(func() { _, failures[i] = slow.Value(t.Context(), "query", time.Time{}) })
		}
		synctest.Wait()
		require.Equal(t, 2, s.asked)
		began := time.Now()
		_, err := quick.Value(t.Context(), "query", time.Time{})
		require.NoError(t, err)
		require.Zero(t, time.Since(began), "another source waits for nothing")
		all.Wait()
		require.Equal(t, time.Second, time.Since(began), "who waits for a turn doesn't wait for long")
		for _, err := range failures {
			require.ErrorIs(t, err, analysis.ErrUnreachable)
		}
	})
}

// takes is how long a source needs for each answer.
func takes(d time.Duration) func(context.Context) error {
	return func(ctx context.Context) error {
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return fails(analysis.ErrUnreachable)
		}
	}
}

func TestWaitingIsNoPartOfARequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limited := New("web shop/test", &source{answer: takes(40 * time.Millisecond)}, Limits{AtATime: 8, Wait: time.Second, Timeout: 100 * time.Millisecond, Failures: 1})
		var all sync.WaitGroup
		failures := make([]error, 60)
		for i := range failures {
			all.Go(func() { _, failures[i] = limited.Value(t.Context(), "query", time.Time{}) })
		}
		all.Wait()
		for _, err := range failures {
			require.NoError(t, err, "who had its turn had the whole time")
		}
	})
}

func TestWhoGivesUpSaysNothingOfTheSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{answer: takes(40 * time.Millisecond)}
		limited := New("web shop/test", s, Limits{Failures: 1, Rest: time.Minute})
		impatient := func(context func() (context.Context, context.CancelFunc)) {
			for range 3 {
				ctx, cancel := context()
				_, err := limited.Value(ctx, "query", time.Time{})
				cancel()
				require.ErrorContains(t, err, "gave up")
				require.ErrorIs(t, err, analysis.ErrUnreachable)
			}
		}
		cancelled := func() (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Millisecond, cancel)
			return ctx, cancel
		}
		late := func() (context.Context, context.CancelFunc) {
			return context.WithTimeout(t.Context(), time.Millisecond)
		}
		impatient(cancelled)
		impatient(late)
		require.Equal(t, 6, s.asked)
		_, err := limited.Value(t.Context(), "query", time.Time{})
		require.NoError(t, err)

		s.answer = func(context.Context) error { return fails(analysis.ErrUnreachable) }
		_, err = limited.Value(t.Context(), "query", time.Time{})
		require.ErrorContains(t, err, "it is broken")
		time.Sleep(time.Minute + time.Second) //nolint:forbidigo // of the fake clock of synctest
		s.answer = takes(40 * time.Millisecond)
		impatient(late)
		_, err = limited.Value(t.Context(), "query", time.Time{})
		require.NoError(t, err, "nor after its rest, when one request tries it")
	})
}
