package sources_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"crossfade.io/crossfade/analysis"
	"crossfade.io/crossfade/apis/v1alpha1"
)

const jobSource = `job: {spec: {backoffLimit: 0, template: {spec: {containers: [{name: load, image: load}]}}}}`

// outcome is what a measurement gave.
type outcome struct {
	value analysis.Value
	err   error
}

// measure runs a Job, and returns it once it is there, and how it will end.
func measure(ctx context.Context, t *testing.T, w *world, from analysis.Source) (batchv1.Job, <-chan outcome) {
	t.Helper()
	ended := make(chan outcome, 1)
	go func() {
		value, err := from.Value(ctx, "", w.clock())
		ended <- outcome{value, err}
	}()
	var list batchv1.JobList
	require.Eventually(t, func() bool {
		return w.List(t.Context(), &list, client.InNamespace("shop")) == nil && len(list.Items) == 1
	}, 10*time.Second, time.Millisecond)
	return list.Items[0], ended
}

func finish(t *testing.T, w *world, job batchv1.Job, how batchv1.JobConditionType) {
	t.Helper()
	job.Status.Conditions = []batchv1.JobCondition{
		{Type: batchv1.JobSuspended, Status: corev1.ConditionFalse},
		{Type: how, Status: corev1.ConditionTrue},
	}
	require.NoError(t, w.Status().Update(t.Context(), &job))
}

func openJob(t *testing.T, w *world) analysis.Source {
	t.Helper()
	found, err := w.sources("").Open(t.Context(), release("shop"), &v1alpha1.AnalysisTemplateRef{Kind: "AnalysisTemplate", Name: "a"}, source(t, jobSource))
	require.NoError(t, err)
	return found
}

func jobsOf(t *testing.T, w *world) []batchv1.Job {
	t.Helper()
	var list batchv1.JobList
	require.NoError(t, w.List(t.Context(), &list))
	return list.Items
}

func TestJob(t *testing.T) {
	t.Run("a Job is the Release's, and ends by itself", func(t *testing.T) {
		w := newWorld(t)
		ctx, cancel := context.WithCancel(t.Context())
		job, ended := measure(ctx, t, w, openJob(t, w))
		require.True(t, strings.HasPrefix(job.Name, "checkout-7-"), job.Name)
		require.Equal(t, map[string]string{v1alpha1.LabelRelease: "checkout-7"}, job.Labels)
		owner := metav1.GetControllerOf(&job)
		require.Equal(t, "Release", owner.Kind)
		require.Equal(t, release("shop").UID, owner.UID)
		require.False(t, *owner.BlockOwnerDeletion)
		require.Equal(t, int64(600), *job.Spec.ActiveDeadlineSeconds)
		require.Equal(t, int32(600), *job.Spec.TTLSecondsAfterFinished)
		require.Equal(t, int32(0), *job.Spec.BackoffLimit)
		require.Equal(t, corev1.RestartPolicyNever, job.Spec.Template.Spec.RestartPolicy)

		cancel() // whoever asked gave up
		require.ErrorIs(t, (<-ended).err, analysis.ErrUnreachable)
		require.Empty(t, jobsOf(t, w))
	})
	t.Run("one that succeeds is 1, and is removed", func(t *testing.T) {
		w := newWorld(t)
		job, ended := measure(t.Context(), t, w, openJob(t, w))
		finish(t, w, job, batchv1.JobComplete)
		got := <-ended
		require.NoError(t, got.err)
		require.Equal(t, analysis.Value{Numbers: []analysis.Number{{Value: 1}}}, got.value)
		require.Empty(t, jobsOf(t, w))
	})
	t.Run("one that fails is 0, and stays for who wants to know why", func(t *testing.T) {
		w := newWorld(t)
		job, ended := measure(t.Context(), t, w, openJob(t, w))
		finish(t, w, job, batchv1.JobFailed)
		got := <-ended
		require.NoError(t, got.err)
		require.Equal(t, analysis.Value{Numbers: []analysis.Number{{Value: 0}}}, got.value)
		require.Len(t, jobsOf(t, w), 1)
	})
	t.Run("an API server that is away for a look is asked again", func(t *testing.T) {
		w := newWorld(t)
		looks := 0
		w.calls.Get = func(ctx context.Context, c client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
			if looks++; looks < 3 {
				return errors.New("away")
			}
			return c.Get(ctx, key, obj, opts...)
		}
		job, ended := measure(t.Context(), t, w, openJob(t, w))
		finish(t, w, job, batchv1.JobComplete)
		require.NoError(t, (<-ended).err)
	})
	t.Run("one that someone deletes is no failure of the canary", func(t *testing.T) {
		w := newWorld(t)
		job, ended := measure(t.Context(), t, w, openJob(t, w))
		require.NoError(t, w.Delete(t.Context(), &job))
		require.ErrorIs(t, (<-ended).err, analysis.ErrUnreachable)
	})
	t.Run("each measurement has a Job of its own", func(t *testing.T) {
		w := newWorld(t)
		from := openJob(t, w)
		job, ended := measure(t.Context(), t, w, from)
		finish(t, w, job, batchv1.JobComplete)
		<-ended
		second, ended := measure(t.Context(), t, w, from)
		require.NotEqual(t, job.Name, second.Name)
		finish(t, w, second, batchv1.JobComplete)
		<-ended
	})
	t.Run("a long name leaves room", func(t *testing.T) {
		w := newWorld(t)
		long := release("shop")
		long.Name = strings.Repeat("a", 63)
		from, err := w.sources("").Open(t.Context(), long, nil, source(t, jobSource))
		require.NoError(t, err)
		job, ended := measure(t.Context(), t, w, from)
		require.LessOrEqual(t, len(job.Name), 63)
		finish(t, w, job, batchv1.JobComplete)
		<-ended
	})
}

func TestJobIsRefused(t *testing.T) {
	resource := schema.GroupResource{Group: "batch", Resource: "jobs"}
	for name, c := range map[string]struct {
		says   error
		reason error
		want   string
	}{
		"by RBAC": {
			apierrors.NewForbidden(resource, "", errors.New(`User "system:serviceaccount:crossfade:crossfade" cannot create resource "jobs" in API group "batch" in the namespace "shop"`)),
			analysis.ErrRefused, "no Jobs may be created in namespace shop; have the operator add the namespace to analysis.jobs of the chart",
		},
		"by a quota": {
			apierrors.NewForbidden(resource, "a", errors.New("exceeded quota: small, requested: pods=1, used: pods=1, limited: pods=1")),
			analysis.ErrUnreachable, "the namespace's quota has no room for it; raise the quota, or ask less often",
		},
		"by admission": {apierrors.NewForbidden(resource, "a", errors.New("no privileged pods")), analysis.ErrRefused, "no privileged pods); correct source.job.spec"},
		"as wrong":     {apierrors.NewBadRequest(`unknown field "spec.tmplate"`), analysis.ErrRefused, `unknown field "spec.tmplate"`},
		"for a while":  {apierrors.NewTooManyRequests("later", 1), analysis.ErrUnreachable, "it could not be created; see whether the API server answers"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.calls.Create = func(context.Context, client.WithWatch, client.Object, ...client.CreateOption) error { return c.says }
			_, err := openJob(t, w).Value(t.Context(), "", w.clock())
			require.ErrorIs(t, err, c.reason)
			require.ErrorContains(t, err, c.want)
		})
	}
	t.Run("in a ClusterAnalysisTemplate", func(t *testing.T) {
		_, err := newWorld(t).sources("").Open(t.Context(), release("shop"), &v1alpha1.AnalysisTemplateRef{Kind: "ClusterAnalysisTemplate"}, source(t, jobSource))
		require.ErrorContains(t, err, "a ClusterAnalysisTemplate runs no Jobs; use an AnalysisTemplate of the Rollout's namespace")
	})
	t.Run("as no object", func(t *testing.T) {
		spec := &v1alpha1.MetricSource{Job: &v1alpha1.JobSource{}}
		spec.Job.Spec.Raw = json.RawMessage(`"a"`)
		_, err := newWorld(t).sources("").Open(t.Context(), release("shop"), nil, spec)
		require.ErrorContains(t, err, "the spec of the Job is no object")
	})
}

// TestJobDeadline: a Job ends within a day, whatever it says, and is waited for that long.
func TestJobDeadline(t *testing.T) {
	for given, want := range map[string]int64{"1200": 1200, "0": 1, "-5": 1, "86401": 86400, "9223372036854775807": 86400, "1e300": 86400} {
		t.Run(given, func(t *testing.T) {
			w := newWorld(t)
			from, err := w.sources("").Open(t.Context(), release("shop"), nil, source(t, strings.Replace(jobSource, "spec: {", "spec: {activeDeadlineSeconds: "+given+", ", 1)))
			require.NoError(t, err)
			job, ended := measure(t.Context(), t, w, from)
			require.Equal(t, want, *job.Spec.ActiveDeadlineSeconds)
			finish(t, w, job, batchv1.JobComplete)
			require.NoError(t, (<-ended).err)
		})
	}
}
