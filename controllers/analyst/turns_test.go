package analyst

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/types"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/controllers/release/planner"
)

// TestWhatDecides: whatever lets a step go on, or has the Release go back, is told at once.
func TestWhatDecides(t *testing.T) {
	first, second := time.Now(), time.Now().Add(time.Hour)
	of := func(verdict v1alpha1.Verdict, at time.Time, change ...func(*planner.Evidence)) published {
		e := &planner.Evidence{Verdict: verdict}
		for _, do := range change {
			do(e)
		}
		return published{evidence: e, started: at}
	}
	early := func(e *planner.Evidence) { e.Early = true }
	harm := func(e *planner.Evidence) { e.Harm = true }
	unready := func(e *planner.Evidence) { e.Unready = "its source is away" }
	for name, test := range map[string]struct {
		was, is published
		want    bool
	}{
		"passes":                        {of(open, first), of(pass, first), true},
		"fails":                         {of(open, first), of(fail, first), true},
		"is old enough":                 {of(open, first, early), of(open, first), true},
		"points to no harm any more":    {of(open, first, harm), of(open, first), true},
		"is early, then points to harm": {of(open, first, early), of(open, first, harm), false},
		"has data":                      {of(none, first), of(open, first), true},
		"has an answer":                 {of(none, first, unready), of(none, first), true},
		"passes at another step too":    {of(pass, first), of(pass, second), true},
		"is open at another step":       {of(open, first), of(open, second), true},
		"is early at another step":      {of(pass, first), of(open, second, early), false},
		"passes no more":                {of(pass, first), of(open, first), false},
		"failed at the step before":     {of(fail, first), of(fail, second), false},
		"is as it was":                  {of(pass, first), of(pass, first), false},
	} {
		require.Equal(t, test.want, test.is.decides(test.was), name)
	}
}

// TestPassAtANewStep: evidence that passes there too is told, though it is no other verdict.
func TestPassAtANewStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := released(template(t, `{"name":"queue","threshold":{"query":"queue","success":"result < 5"}}`))
		r.Spec.Policy.Analysis.Templates = []v1alpha1.AnalysisTemplateRef{{Name: "shop"}}
		a := begin(t, steady(2))
		requireReady(t, a, r)
		enter(r, "tenth")
		a.judge(r, 5*time.Minute, pass)
		synctest.Wait()
		before := a.count()
		enter(r, "half")
		require.Equal(t, open, a.Judge(r, a.tell).Verdict)
		synctest.Wait()
		require.Greater(t, a.count(), before)
		require.Equal(t, pass, a.Judge(r, a.tell).Verdict)
	})
}

// TestNumbersAreToldInTurn: of many Releases that have new numbers at once a few a second are told; whatever decides is told at once.
func TestNumbersAreToldInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const releases = 10 * tellsPerSecond
		w := steady(21)
		a := begin(t, w)
		var mu sync.Mutex
		last, inSecond := map[types.UID]time.Time{}, map[int64]int{}
		var all []*v1alpha1.Release
		judge := func(r *v1alpha1.Release) v1alpha1.Verdict {
			return a.Judge(r, func() {
				mu.Lock()
				defer mu.Unlock()
				last[r.UID] = time.Now()
				inSecond[time.Now().Unix()]++
			}).Verdict
		}
		for n := range releases {
			r := released()
			r.Name, r.UID = fmt.Sprintf("web-%d", n), types.UID(fmt.Sprint(n))
			all = append(all, r)
			defer a.Forget(types.NamespacedName{Namespace: r.Namespace, Name: r.Name})
		}
		each := func(long time.Duration, do func(*v1alpha1.Release)) {
			for start := time.Now(); time.Since(start) < long; <-time.After(time.Second) {
				for _, r := range all {
					do(r)
				}
			}
		}
		each(30*time.Second, func(r *v1alpha1.Release) { judge(r) })
		w.shift(0.1)
		for _, r := range all {
			enter(r, "tenth")
		}
		each(2*time.Minute, func(r *v1alpha1.Release) { judge(r) })
		mu.Lock()
		clear(inSecond)
		mu.Unlock()
		each(2*time.Minute, func(r *v1alpha1.Release) { judge(r) })
		sum := 0
		for second, count := range inSecond {
			require.LessOrEqual(t, count, 2*tellsPerSecond, "in second %d", second)
			sum += count
		}
		require.GreaterOrEqual(t, sum, releases, "all have numbers each minute")

		w.canaryFails(0.2)
		failed := map[types.UID]time.Time{}
		each(3*time.Minute, func(r *v1alpha1.Release) {
			if failed[r.UID].IsZero() && judge(r) == fail {
				failed[r.UID] = time.Now()
				synctest.Wait() // it is published a moment before it is told
				mu.Lock()
				at := last[r.UID]
				mu.Unlock()
				require.WithinDuration(t, time.Now(), at, time.Second, "told at once")
			}
		})
		require.Len(t, failed, releases)
	})
}
