package analyst

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"crossfade.io/crossfade/analysis"
	"crossfade.io/crossfade/analysis/sequential"
	"crossfade.io/crossfade/apis/v1alpha1"
)

// TestOutlookOfAYoungService: what a service did in its first minutes is not thinned by the time before there was one.
func TestOutlookOfAYoungService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := steady(1), released()
		w.start = time.Now().Add(-2 * time.Minute)
		a := begin(t, w)
		e := requireReady(t, a, r)
		require.Regexp(t, "^evidence on errors takes about [1-4]m", e.Record.Outlook)
	})
}

// seen is a view of 1 % errors, with noise from 1 up to a most.
func seen(name string, rate, most float64) view {
	return view{name: name, asked: analysis.DefaultComparison(), traffic: sequential.Traffic{Rate: rate, Base: 0.01, Phi: 1}, noisiest: most}
}

func TestOutlook(t *testing.T) {
	climbing := func(weights ...int32) *v1alpha1.Release {
		r := released()
		r.Spec.Policy.Strategy.Steps = nil
		for _, percent := range weights {
			weight := intstr.FromInt32(percent)
			r.Spec.Policy.Strategy.Steps = append(r.Spec.Policy.Strategy.Steps, v1alpha1.Step{Name: weight.String(), Weight: &weight})
		}
		r.Status.Steps = nil
		return r
	}
	from := func(step string) view {
		v := seen("shop/errors", 100, 1)
		v.ref = &v1alpha1.AnalysisTemplateRef{From: step}
		return v
	}
	faultless := seen("errors", 1, 1)
	faultless.traffic.Base = 0
	for name, test := range map[string]struct {
		of   *v1alpha1.Release
		by   []view
		want string
	}{
		"its own weights":         {climbing(10, 20, 50), []view{seen("errors", 100, 1)}, `^evidence on errors takes about 2m(\d0s)? at 10%; about 1m(\d0s)? at 20%; about \S+ at 50%$`},
		"one that is quicker":     {climbing(5), []view{seen("errors", 100, 1)}, `^evidence on errors takes about 4m(\d0s)? at 5%; 20% would take about 1m(\d0s)?$`},
		"beyond the last":         {climbing(5, 10), []view{seen("errors", 100, 1)}, ` at 10%; 30% would take about 1m(\d0s)?$`},
		"none that is":            {climbing(5, 40), []view{seen("errors", 100, 1)}, `^[^;]* at 5%; about 1m at 40%$`},
		"quicker than a day":      {climbing(1), []view{faultless}, `^evidence on errors takes more than a day at 1%; 10% would take about 13h\S*$`},
		"four weights":            {climbing(1, 2, 3, 50), []view{seen("errors", 100, 1)}, `^[^;]* at 1%; [^;]* at 2%; [^;]* at 3%$`},
		"all of them":             {climbing(100), []view{seen("errors", 100, 1)}, `^$`},
		"the slowest counts":      {climbing(50), []view{seen("quick", 100, 1), seen("slow", 1, 1), seen("medium", 10, 1)}, `^evidence on slow takes`},
		"noise that isn't known":  {climbing(10), []view{seen("errors", 100, 8)}, `^evidence on errors takes, depending on noise, 2m(\d0s)? to (1[6-9]|2[0-4])m at 10%; 30% would take 1m(\d0s)? to \d+m$`},
		"steps of a template":     {climbing(10, 20, 40), []view{from("20")}, `^evidence on shop/errors takes about \S+ at 20%; about \S+ at 40%$`},
		"the present step and on": {climbed(), []view{seen("errors", 100, 1)}, `^evidence on errors takes about \S+ at 50%$`},
	} {
		t.Run(name, func(t *testing.T) { require.Regexp(t, test.want, outlook(courseOf(test.of), test.by)) })
	}
}

// TestOutlookIsRenewed: before each step it is of the weights to come, by the noise that was found meanwhile, and gone after the last.
func TestOutlookIsRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := steady(7)
		r := released(template(t, strings.Replace(comparing(""), `"shared":true,`, "", 1)))
		r.Spec.Policy.Analysis.Templates = []v1alpha1.AnalysisTemplateRef{{Name: "shop"}}
		a := begin(t, w)
		e := requireReady(t, a, r)
		require.Contains(t, e.Record.Outlook, "evidence on shop/errors takes, depending on noise, 2m")
		w.shift(0.1)
		enter(r, "tenth")
		e, _ = a.judge(r, 5*time.Minute)
		require.Contains(t, e.Record.Outlook, " at 10%; ")
		w.shift(0.5)
		enter(r, "half")
		e, _ = a.judge(r, 5*time.Minute)
		require.Regexp(t, `^evidence on shop/errors takes about \d+m(\d0s)? at 50%$`, e.Record.Outlook)

		again := begin(t, w)
		r.Status.Analysis = e.Record
		again.Judge(r, again.tell)
		synctest.Wait()
		for key := range a.inquiries {
			require.Equal(t, a.inquiries[key].outlook, again.inquiries[key].outlook)
		}

		r.Status.Progress.Stage = v1alpha1.StageFilling
		now := metav1.NewMicroTime(time.Now())
		r.Status.Steps[1].EndedAt, r.ResourceVersion = &now, "9"
		e, _ = a.judge(r, 2*time.Minute)
		require.Empty(t, e.Record.Outlook)
	})
}
