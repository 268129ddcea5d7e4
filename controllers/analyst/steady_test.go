package analyst

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"crossfade.io/crossfade/analysis"
	"crossfade.io/crossfade/apis/v1alpha1"
)

// byGoldenSignals is a Release that is judged by Istio's signals, and by the metrics of a template beside.
func byGoldenSignals(templates ...string) *v1alpha1.Release {
	r := released(templates...)
	r.Spec.Policy.Analysis.GoldenSignals = &v1alpha1.GoldenSignals{Source: "Istio"}
	if len(templates) > 0 {
		r.Spec.Policy.Analysis.Templates = []v1alpha1.AnalysisTemplateRef{{Name: "vendor"}}
	}
	return r
}

const queueTemplate = `{"name":"queue","threshold":{"query":"queue","success":"result < 5","interval":"1m","consecutiveSuccesses":1000}}`

// TestEvidenceThatIsOnTimeIsNotOld: whoever looks when, between two scrapes that come as they should there is data.
func TestEvidenceThatIsOnTimeIsNotOld(t *testing.T) {
	for _, delay := range []time.Duration{0, 3 * time.Second, 7 * time.Second, 12 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			w, r := steady(2), byGoldenSignals(template(t, queueTemplate))
			a := begin(t, w)
			requireReady(t, a, r)
			<-time.After(delay)
			w.shift(0.1)
			enter(r, "tenth")
			a.judge(r, 20*time.Minute)
			for second := range 600 {
				require.NotEqual(t, none, a.Judge(r, a.tell).Verdict, "second %d, delay %s", second, delay)
				<-time.After(time.Second)
			}
		})
	}
}

// TestStepThatOneVersionHasAlone: with nobody to compare it with the canary keeps what was shown of it, and nothing holds it for ever.
func TestStepThatOneVersionHasAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := steady(2), released()
		r.Spec.Policy.Strategy.Steps[1].Weight.IntVal = 100
		a := atTenth(t, w, w, r)
		e, _ := a.judge(r, 20*time.Minute, pass)
		require.Equal(t, pass, e.Verdict, e.Message)
		w.shift(1)
		enter(r, "half")
		e, took := a.judge(r, time.Hour, pass)
		require.Equal(t, pass, e.Verdict, e.Message)
		t.Log("passed after", took)
		<-time.After(10 * time.Minute)
		require.Equal(t, pass, a.Judge(r, a.tell).Verdict)
	})
	synctest.Test(t, func(t *testing.T) {
		w, r := steady(2), released()
		r.Spec.Policy.Strategy.Steps[0].Weight.IntVal = 0
		a := begin(t, w)
		requireReady(t, a, r)
		enter(r, "tenth")
		e, _ := a.judge(r, time.Hour, pass)
		require.Equal(t, pass, e.Verdict, e.Message)
	})
}

// parted opens the world for golden signals, and a vendor for templates, who may be away.
type parted struct {
	*world
	away *bool
}

func (p parted) Open(ctx context.Context, r *v1alpha1.Release, ref *v1alpha1.AnalysisTemplateRef, spec *v1alpha1.MetricSource) (analysis.Source, error) {
	if ref != nil && *p.away {
		return nil, errors.New("Secret vendor is gone")
	}
	return p.world.Open(ctx, r, ref, spec)
}

// TestMetricThatCannotBegin: it holds, and hides nothing that others find.
func TestMetricThatCannotBegin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r, away := steady(2), byGoldenSignals(template(t, queueTemplate)), false
		a := atTenth(t, parted{w, &away}, w, r)
		a.judge(r, 5*time.Minute)
		away = true
		again := begin(t, parted{w, &away})
		e, _ := again.judge(r, 10*time.Minute, fail, pass)
		require.Equal(t, none, e.Verdict, e.Message)
		require.Contains(t, e.Unready, "Secret vendor is gone")
		w.canaryFails(0.9)
		e, took := again.judge(r, 10*time.Minute, fail)
		require.Equal(t, fail, e.Verdict, e.Message)
		t.Log("failed after", took)
	})
}

// TestExpressionThatCannotBeRead: no step begins with it.
func TestExpressionThatCannotBeRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := steady(2), byGoldenSignals(template(t, `{"name":"queue","threshold":{"query":"queue","success":"result <","interval":"1m"}}`))
		a := begin(t, w)
		e, _ := a.judge(r, time.Minute, pass, fail, open)
		require.Contains(t, e.Unready, "metric vendor/queue")
	})
}

// TestNewStepHasTwoScrapesOfItsOwn: what was open at the step before doesn't let this one go on either.
func TestNewStepHasTwoScrapesOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := steady(2), released()
		a := atTenth(t, w, w, r)
		e, _ := a.judge(r, 5*time.Minute, open)
		for e.Early {
			<-time.After(time.Second)
			e = a.Judge(r, a.tell)
		}
		require.Equal(t, open, e.Verdict, e.Message)
		w.shift(0.5)
		enter(r, "half")
		e = a.Judge(r, a.tell)
		require.True(t, e.Early, "%s: %s", e.Verdict, e.Message)
		began := time.Now()
		for e.Early {
			<-time.After(time.Second)
			e = a.Judge(r, a.tell)
		}
		require.GreaterOrEqual(t, time.Since(began), 30*time.Second)
		require.Less(t, time.Since(began), 90*time.Second)
	})
}
