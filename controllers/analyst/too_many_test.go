package analyst

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/types"

	"crossfade.io/crossfade/analysis"
	"crossfade.io/crossfade/apis/v1alpha1"
)

// TestManySeriesAreJudged: where the past is too much at once, less of it will do.
func TestManySeriesAreJudged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := steady(2), released()
		a := atTenth(t, narrow{w, 20 * time.Minute}, w, r)
		w.canaryFails(0.5)
		e, took := a.judge(r, 10*time.Minute, fail)
		require.Equal(t, fail, e.Verdict, e.Message)
		t.Log("failed after", took)
	})
}

// sluggish takes a second for each value.
type sluggish struct{ *world }

// Open opens it for everything.
func (s sluggish) Open(context.Context, *v1alpha1.Release, *v1alpha1.AnalysisTemplateRef, *v1alpha1.MetricSource) (analysis.Source, error) {
	return s, nil
}

// Value comes after a second.
func (s sluggish) Value(ctx context.Context, query string, at time.Time) (analysis.Value, error) {
	<-time.After(time.Second)
	return s.world.Value(ctx, query, at)
}

// TestCatchingUpPassesNothing: what turned bad while nobody looked is no success until it is measured, also where it may lack data.
func TestCatchingUpPassesNothing(t *testing.T) {
	for _, without := range []string{"Hold", noDataIgnore} {
		synctest.Test(t, func(t *testing.T) {
			w := steady(2)
			r := byGoldenSignals(template(t, `{"name":"queue","noData":"`+without+`","threshold":{"query":"queue","success":"result < 5","interval":"1m","failureLimit":3}}`))
			a := begin(t, sluggish{w})
			requireReady(t, a, r)
			w.shift(0.1)
			bad := time.Now().Add(150 * time.Minute)
			w.set(func() {
				w.value = func(at time.Time) float64 { return map[bool]float64{true: 9, false: 1}[at.After(bad)] }
			})
			enter(r, "tenth")
			before, _ := a.judge(r, 149*time.Minute)
			require.Equal(t, pass, before.Verdict, before.Message)
			a.Forget(types.NamespacedName{Namespace: r.Namespace, Name: r.Name})
			<-time.After(10 * time.Minute)
			again := begin(t, sluggish{w})
			for start := time.Now(); ; <-time.After(time.Second) {
				e := again.Judge(r, again.tell)
				require.False(t, e.Verdict == pass && !e.Early, "%s after %s: %s", without, time.Since(start), e.Message)
				if e.Verdict == fail {
					break
				}
				require.Less(t, time.Since(start), 10*time.Minute, "%s: %s", e.Verdict, e.Message)
			}
		})
	}
}
