package deployment_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/workload"
	"crossfade.io/crossfade/workload/deployment"
)

func TestCapabilitiesRefuseWithTheMend(t *testing.T) {
	cases := map[string]struct {
		change func(obj *unstructured.Unstructured)
		want   string
	}{
		"a rolling update can be released": {func(*unstructured.Unstructured) {}, ""},
		"Recreate cannot": {
			func(obj *unstructured.Unstructured) {
				_ = unstructured.SetNestedField(obj.Object, "Recreate", "spec", "strategy", "type")
			},
			"Deployment shop/checkout has spec.strategy.type Recreate, which says that two versions must not run side by side; set it to RollingUpdate",
		},
		"an unknown strategy cannot": {
			func(obj *unstructured.Unstructured) {
				_ = unstructured.SetNestedField(obj.Object, "Later", "spec", "strategy", "type")
			},
			"Deployment shop/checkout has spec.strategy.type Later, which is not known here; set it to RollingUpdate",
		},
		"one that keeps no old ReplicaSets cannot": {
			func(obj *unstructured.Unstructured) {
				_ = unstructured.SetNestedField(obj.Object, int64(0), "spec", "revisionHistoryLimit")
			},
			"Deployment shop/checkout has spec.revisionHistoryLimit 0, by which the ReplicaSet of a rejected version is deleted, " +
				"and the version tried for ever; set it to 1 or more",
		},
		"another kind cannot": {
			func(obj *unstructured.Unstructured) { obj.SetKind("StatefulSet") },
			"StatefulSet shop/checkout is not a Deployment of the group apps; mend spec.workloadRef",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			o := newModel(t, 1, usual).Objects()
			c.change(o.Workload)
			require.Equal(t, c.want, deployment.Kind{}.Capabilities(o).Refusal)
		})
	}
	require.Contains(t, deployment.Kind{}.Capabilities(workload.Objects{}).Refusal, "does not exist")
}

func TestObserveTellsHowTheTemplateStands(t *testing.T) {
	cases := map[string]struct {
		act  func(s *story)
		want workload.Pods
	}{
		"at rest": {
			func(*story) {},
			workload.Pods{Template: workload.TemplateStable, Settled: true},
		},
		"held by the gate": {
			func(s *story) { s.template("2", true) },
			workload.Pods{Template: workload.TemplateOther, Pending: true, Settled: true},
		},
		"paused by a user": {
			func(s *story) { require.NoError(s.t, s.Pause(true)) },
			workload.Pods{Template: workload.TemplateStable, PausedByUser: true, Settled: true},
		},
		"running a canary": {
			func(s *story) { s.template("2", true); s.settle(); s.reach(run(1)) },
			workload.Pods{Template: workload.TemplateCanary, Borrowed: true, Settled: true},
		},
		"rolled out past the gate": {
			func(s *story) { s.Starts = func(map[string]any) bool { return false }; s.template("2", false) },
			workload.Pods{Template: workload.TemplateCanary, Bypassed: true, Settled: true},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := newStory(t, 4)
			c.act(s)
			s.settle()
			p := s.observe()
			require.True(t, p.Exists)
			require.Equal(t, int32(4), p.Wanted)
			require.Equal(t, c.want, workload.Pods{
				Template: p.Template, Pending: p.Pending, PausedByUser: p.PausedByUser, Borrowed: p.Borrowed,
				Bypassed: p.Bypassed, Settled: p.Settled,
			})
		})
	}
	require.False(t, deployment.Kind{}.Observe(workload.Objects{}).Exists)
}

func TestWhatTheGateIgnoresIsNotBypassed(t *testing.T) {
	s := newStory(t, 4)
	s.Starts = func(map[string]any) bool { return false }
	require.NoError(t, s.Edit(func(obj map[string]any) {
		require.NoError(t, unstructured.SetNestedField(obj, "now", "spec", "template", "metadata", "annotations", "restartedAt"))
	}))
	s.settle()
	objects := s.objects()
	require.True(t, deployment.Kind{}.Observe(objects).Bypassed)
	objects.Ignored = []string{"restartedAt"}
	require.False(t, deployment.Kind{}.Observe(objects).Bypassed)
	require.NotZero(t, deployment.Kind{}.Observe(objects).Canary.Replicas, "it rolls out all the same")
	s.template("2", false)
	s.settle()
	objects = s.objects()
	objects.Ignored = []string{"restartedAt"}
	require.True(t, deployment.Kind{}.Observe(objects).Bypassed, "an image is a new version")
}

func TestObserveFindsStableBeforeTheReleaseHasLooked(t *testing.T) {
	s := newStory(t, 4)
	first := s.ReplicaSets[0].GetUID()
	s.known.Stable = ""
	require.Equal(t, first, s.observe().Stable.UID, "the only active one")

	s.template("2", true)
	s.settle()
	s.reach(run(3))
	s.known.Stable, s.known.Canary = "", ""
	s.template("3", true)
	s.settle()
	require.Equal(t, first, s.observe().Stable.UID, "the one with most ready pods, when held")
	require.Equal(t, int32(3), s.observe().Others)
}

func TestReadyCountsByTheUsersOwnSeconds(t *testing.T) {
	s := newStory(t, 2)
	s.spec(func(spec map[string]any) { spec["minReadySeconds"] = int64(30) })
	s.Advance(time.Minute)
	s.settle()
	s.template("2", true)
	s.settle()
	s.reach(run(1))
	p := s.observe()
	require.Zero(t, p.Canary.Ready)
	require.Equal(t, s.Now.Add(30*time.Second), p.Canary.ReadyAt)
	require.Equal(t, int32(2), p.Stable.Ready)

	s.Advance(30 * time.Second)
	p = s.observe()
	require.Equal(t, int32(1), p.Canary.Ready)
	require.Zero(t, p.Canary.ReadyAt)
	require.Equal(t, []string{"checkout:1"}, p.Canary.Images)
	require.NotEmpty(t, p.Canary.Hash)

	s.DeletePod(s.PodsOf(p.Canary.UID)[0])
	p = s.observe()
	require.Zero(t, p.Canary.Ready, "a pod that is told to stop isn't ready")
	require.Equal(t, int32(1), p.Canary.Existing)
	require.False(t, p.Settled)
}

func TestOriginalIsWhatIsToBeWrittenBack(t *testing.T) {
	cases := map[string]struct {
		wanted string
		check  func(t *testing.T, got *v1alpha1.Original)
	}{
		"as saved": {"", func(t *testing.T, got *v1alpha1.Original) {
			require.Nil(t, got.MinReadySeconds)
			require.Equal(t, int32(600), *got.ProgressDeadlineSeconds)
			require.Equal(t, "25%", got.Strategy.RollingUpdate.MaxSurge.String())
		}},
		"with what somebody wanted since": {`{"minReadySeconds":7}`, func(t *testing.T, got *v1alpha1.Original) {
			require.Equal(t, int32(7), *got.MinReadySeconds)
			require.Equal(t, int32(600), *got.ProgressDeadlineSeconds)
		}},
		"null unsets": {`{"progressDeadlineSeconds":null,"strategy":null}`, func(t *testing.T, got *v1alpha1.Original) {
			require.Nil(t, got.ProgressDeadlineSeconds)
			require.Nil(t, got.Strategy)
		}},
		"what cannot be read is ignored": {`{"minReadySeconds":"soon"}`, func(t *testing.T, got *v1alpha1.Original) {
			require.Nil(t, got.MinReadySeconds)
		}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := newStory(t, 2)
			require.Nil(t, s.observe().Original)
			s.template("2", true)
			s.settle()
			s.reach(run(1))
			if c.wanted != "" {
				require.NoError(t, s.Edit(func(obj map[string]any) {
					_ = unstructured.SetNestedField(obj, c.wanted, "metadata", "annotations", v1alpha1.AnnotationWanted)
				}))
			}
			c.check(t, s.observe().Original)
			s.known.Original = s.observe().Original
			c.check(t, s.observe().Original)
		})
	}
	t.Run("a stale copy of another Release is ignored unless our values are in", func(t *testing.T) {
		s := newStory(t, 2)
		require.NoError(t, s.Edit(func(obj map[string]any) {
			_ = unstructured.SetNestedField(obj, `{"release":"old/1","minReadySeconds":99}`, "metadata", "annotations", v1alpha1.AnnotationOriginal)
		}))
		require.Nil(t, s.observe().Original)
		require.False(t, s.observe().Borrowed)
		s.template("2", true)
		s.settle()
		s.reach(run(1))
		require.Nil(t, s.observe().Original.MinReadySeconds)
		s.known.Release = "next/2"
		require.NotNil(t, s.observe().Original)
	})
}

func TestFailingNamesTheReasonAndWhetherItHeals(t *testing.T) {
	cases := map[string]struct {
		reason   string
		restarts int32
		failing  bool
		hopeless bool
	}{
		"an image that cannot be pulled may come":         {"ImagePullBackOff", 0, true, false},
		"a wrong image name stays wrong":                  {"InvalidImageName", 0, true, true},
		"an image that is never pulled never comes":       {"ErrImageNeverPull", 0, true, true},
		"a missing ConfigMap may come":                    {"CreateContainerConfigError", 0, true, false},
		"a crash or two may be a slow dependency":         {"CrashLoopBackOff", 2, true, false},
		"crashing on and on does not heal":                {"CrashLoopBackOff", 3, true, true},
		"a container that is being created does not fail": {"ContainerCreating", 0, false, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := newStory(t, 2)
			s.template("2", true)
			s.settle()
			s.reach(run(1))
			pod := s.PodsOf(s.observe().Canary.UID)[0]
			s.Fail(pod, c.reason, c.restarts)
			failing := s.observe().Canary.Failing
			if !c.failing {
				require.Empty(t, failing)
				return
			}
			require.Equal(t, []workload.Failure{{Pod: pod, Reason: c.reason, Message: "made to fail", Hopeless: c.hopeless}}, failing)
		})
	}
	t.Run("pods that no node takes, and pods that cannot be made, are named; hopeless ones first", func(t *testing.T) {
		s := newStory(t, 3)
		s.template("2", true)
		s.settle()
		s.reach(run(2))
		uid := s.observe().Canary.UID
		names := s.PodsOf(uid)
		s.Fail(names[0], "", 0)
		s.Fail(names[1], "InvalidImageName", 0)
		o := s.objects()
		for _, pod := range o.Pods {
			if pod.Name == names[0] {
				pod.Status.Conditions = append(pod.Status.Conditions, corev1.PodCondition{
					Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable, Message: "0/1 nodes",
				})
			}
		}
		for _, rs := range o.Revisions {
			if rs.GetUID() == uid {
				require.NoError(t, unstructured.SetNestedSlice(rs.Object, []any{map[string]any{
					"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota",
				}}, "status", "conditions"))
			}
		}
		require.Equal(t, []workload.Failure{
			{Pod: names[1], Reason: "InvalidImageName", Message: "made to fail", Hopeless: true},
			{Reason: "FailedCreate", Message: "exceeded quota"},
			{Pod: names[0], Reason: "Unschedulable", Message: "0/1 nodes"},
		}, deployment.Kind{}.Observe(o).Canary.Failing)
	})
}
