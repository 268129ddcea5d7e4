package analyst

import (
	"context"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/controllers/analyst/sources"
)

// cluster runs the Jobs of templates.
type cluster struct{ client.Client }

func newCluster(t *testing.T) (cluster, *sources.Sources) {
	t.Helper()
	scheme := runtime.NewScheme()
	require.NoError(t, clientgoscheme.AddToScheme(scheme))
	c := cluster{fake.NewClientBuilder().WithScheme(scheme).Build()}
	return c, sources.New(sources.Options{
		Clock: time.Now, Denied: func(context.Context) ([]netip.Prefix, error) { return nil, nil },
	}, c, c)
}

func (c cluster) jobs(t *testing.T) []batchv1.Job {
	t.Helper()
	var list batchv1.JobList
	require.NoError(t, c.List(t.Context(), &list))
	return list.Items
}

// complete has a Job succeed.
func (c cluster) complete(t *testing.T, job batchv1.Job) {
	t.Helper()
	job.Status.Conditions = []batchv1.JobCondition{{Type: batchv1.JobComplete, Status: corev1.ConditionTrue}}
	require.NoError(t, c.Status().Update(t.Context(), &job))
}

// TestJobOfHours: it is waited for as long as it says that it takes, and no longer.
func TestJobOfHours(t *testing.T) {
	const soak = `{"source":{"job":{"spec":{"activeDeadlineSeconds":7200,"template":{"spec":{"containers":[{"name":"soak","image":"soak"}]}}}}},
		"metrics":[{"name":"soak","threshold":{}}]}`
	for name, ends := range map[string]bool{"ends in time": true, "never ends": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, from := newCluster(t)
				r := released(soak)
				r.Spec.Policy.Analysis.Templates = []v1alpha1.AnalysisTemplateRef{{Name: "shop"}}
				a := begin(t, from)
				requireReady(t, a, r)
				enter(r, "tenth")
				a.judge(r, time.Minute, pass, fail)
				first := c.jobs(t)[0].Name
				a.judge(r, 109*time.Minute, pass, fail)
				jobs := c.jobs(t)
				require.Len(t, jobs, 1)
				require.Equal(t, first, jobs[0].Name, "it is still the first one")
				if ends {
					c.complete(t, jobs[0])
					e, _ := a.judge(r, time.Minute, pass, fail)
					require.Equal(t, pass, e.Verdict, e.Message)
					return
				}
				e, took := a.judge(r, 20*time.Minute, pass, fail)
				require.Equal(t, none, e.Verdict, "%s after %s", e.Message, took)
				require.Contains(t, e.Message, "give it a longer activeDeadlineSeconds")
				jobs = c.jobs(t)
				require.Len(t, jobs, 1)
				require.NotEqual(t, first, jobs[0].Name, "it is measured again")
			})
		})
	}
}

// TestJobOfEachStep: what a Job is told of the step is of the one at which it runs.
func TestJobOfEachStep(t *testing.T) {
	const load = `{"source":{"job":{"spec":{"template":{"spec":{"containers":[{"name":"load","image":"load","args":["{{release.step}}","{{release.weight}}"]}]}}}}},
		"metrics":[{"name":"load","threshold":{}}]}`
	synctest.Test(t, func(t *testing.T) {
		c, from := newCluster(t)
		r := released(load)
		r.Spec.Policy.Analysis.Templates = []v1alpha1.AnalysisTemplateRef{{Name: "shop", Steps: []string{"tenth", "half"}}}
		a := begin(t, from)
		requireReady(t, a, r)
		weights := map[string]string{"tenth": "10", "half": "50"}
		for _, step := range []string{"tenth", "half"} {
			enter(r, step)
			a.judge(r, 30*time.Second)
			jobs := c.jobs(t)
			require.Len(t, jobs, 1)
			require.Equal(t, []string{step, weights[step]}, jobs[0].Spec.Template.Spec.Containers[0].Args)
			c.complete(t, jobs[0])
			e, _ := a.judge(r, time.Minute, pass)
			require.Equal(t, pass, e.Verdict, e.Message)
		}
	})
}
