package deployment_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/intent"
	"crossfade.io/crossfade/workload"
)

// The patches in full: what is not named here is not touched.
func TestEachPostureIsOnePatchOfTheBorrowedFields(t *testing.T) {
	s := newStory(t, 4)
	s.template("2", true)
	s.settle()
	uidAndVersion := func() string {
		return fmt.Sprintf(`"resourceVersion":%q,"uid":%q`, s.Deployment.GetResourceVersion(), s.Deployment.GetUID())
	}
	original := `{\"release\":\"checkout-1/9f0e\",\"progressDeadlineSeconds\":600,\"strategy\":{\"type\":\"RollingUpdate\",\"rollingUpdate\":{\"maxUnavailable\":\"25%\",\"maxSurge\":\"25%\"}}}`
	patch := func(want workload.Want) string {
		writes := s.plan(want)
		require.Len(t, writes, 1)
		require.Equal(t, intent.Patch, writes[0].Verb)
		return string(writes[0].Body)
	}

	require.JSONEq(t, `{"metadata":{`+uidAndVersion()+`,"annotations":{"crossfade.io/original":"`+original+`","crossfade.io/release":"checkout-1/9f0e"}},
		"spec":{"minReadySeconds":2147483646,"paused":null,"progressDeadlineSeconds":2147483647,
		"strategy":{"rollingUpdate":{"maxSurge":"50%","maxUnavailable":0}},
		"template":{"metadata":{"annotations":{"crossfade.io/pending":null}}}}}`, patch(run(2)))
	s.reach(run(2))

	require.JSONEq(t, `{"metadata":{`+uidAndVersion()+`},"spec":{"strategy":{"rollingUpdate":{"maxSurge":"100%"}}}}`, patch(run(4)))
	require.JSONEq(t, `{"metadata":{`+uidAndVersion()+`},
		"spec":{"paused":true,"template":{"metadata":{"annotations":{"crossfade.io/pending":"held"}}}}}`, patch(workload.Want{Posture: workload.Hold}))
	back := `"minReadySeconds":null,"progressDeadlineSeconds":600,"strategy":{"rollingUpdate":{"maxSurge":"25%","maxUnavailable":"25%"}}`
	off := `"annotations":{"crossfade.io/original":null,"crossfade.io/release":null}`
	require.JSONEq(t, `{"metadata":{`+uidAndVersion()+`,`+off+`},"spec":{`+back+`}}`, patch(workload.Want{Posture: workload.Finish}))

	s.reach(workload.Want{Posture: workload.Hold})
	require.JSONEq(t, `{"metadata":{`+uidAndVersion()+`,`+off+`,"labels":null},"spec":{`+back+`}}`, patch(workload.Want{Posture: workload.Park, Disarm: true}))
	require.JSONEq(t, `{"metadata":{`+uidAndVersion()+`,`+off+`},"spec":{`+back+`,"paused":null,
		"template":{"metadata":{"annotations":null}}}}`, patch(workload.Want{Posture: workload.Revert}))
}

func TestCanaryDownLowersSurgeFirstAndThenTheReplicaSet(t *testing.T) {
	s := newStory(t, 4)
	s.template("2", true)
	s.settle()
	s.reach(run(3))
	require.Equal(t, []string{"patch Deployment: have 1 canary pods"}, s.look(run(1)))
	require.Empty(t, s.look(run(1)), "the native controller must have seen it")
	s.settle()
	require.Equal(t, []string{"scale ReplicaSet v2 to 1: scale from 3 to 1"}, s.look(run(1)))
	s.settle()
	require.Empty(t, s.look(run(1)))
	require.Equal(t, int32(1), s.observe().Canary.Ready)
	require.Equal(t, int32(4), s.observe().Stable.Ready)
}

func TestHoldWaitsForThePauseToBeSeen(t *testing.T) {
	s := newStory(t, 4)
	s.template("2", true)
	s.settle()
	s.reach(run(2))
	hold := workload.Want{Posture: workload.Hold}
	require.Equal(t, []string{"patch Deployment: hold the template"}, s.look(hold))
	require.Empty(t, s.look(hold))
	s.settle()
	require.Equal(t, []string{"scale ReplicaSet v2 to 0: scale from 2 to 0"}, s.look(hold))
}

func TestHoldInTheMiddleOfGoingDownTakesNothingFromStable(t *testing.T) {
	s := newStory(t, 4)
	s.template("2", true)
	s.settle()
	s.reach(run(4))
	require.Equal(t, []string{"patch Deployment: have 1 canary pods"}, s.look(run(1)))
	hold := workload.Want{Posture: workload.Hold}
	require.Equal(t, []string{"patch Deployment: hold the template"}, s.look(hold))
	for range 10 {
		s.Step()
		s.look(hold)
		require.Equal(t, int32(4), s.observe().Stable.Replicas)
	}
	require.Zero(t, s.observe().Canary.Existing)
}

func TestRunNeverAsksForMoreThanOneRevisionCanHave(t *testing.T) {
	s := newStory(t, 3)
	s.template("2", true)
	s.settle()
	s.reach(run(5))
	require.Equal(t, int32(3), s.observe().Canary.Ready)
	require.Equal(t, int32(3), s.observe().Stable.Ready)
}

func TestACanaryThatCountsAsAvailableIsMadeUnavailableBeforeItRuns(t *testing.T) {
	s := newStory(t, 4)
	s.template("2", false) // no gate held it
	for range 2 {
		s.Step()
	}
	require.True(t, s.observe().Bypassed)
	least := s.observe().Stable.Replicas
	did := []string{}
	for range 20 {
		did = append(did, s.look(run(1))...)
		s.Step()
		require.GreaterOrEqual(t, s.observe().Stable.Replicas, least, "stable pods were taken: %v", did)
	}
	require.Equal(t, "patch Deployment: hold the template and keep its pods as they are", did[0])
	require.Equal(t, "patch ReplicaSet: make its pods unavailable before the template runs", did[1])
	require.Equal(t, "patch Deployment: run 1 canary pods", did[2])
	s.reach(run(1))
	require.Equal(t, int32(4), s.observe().Stable.Ready, "stable is whole again")
	require.Equal(t, int32(1), s.observe().Canary.Ready)
}

func TestFieldsThatSomebodyTookBackAreBorrowedAgainWithoutAStablePodLost(t *testing.T) {
	s := newStory(t, 4)
	s.template("2", true)
	s.settle()
	s.reach(run(2))
	s.known.Original = s.observe().Original
	s.spec(func(spec map[string]any) { delete(spec, "minReadySeconds") }) // before any native look
	require.Equal(t, []string{"patch Deployment: hold the template and keep its pods as they are"}, s.look(run(2)))
	for range 20 {
		s.Step()
		s.look(run(2))
		require.Equal(t, int32(4), s.observe().Stable.Ready)
	}
	require.Equal(t, int32(2), s.observe().Canary.Ready)
	require.False(t, s.observe().Pending)
	require.Empty(t, s.look(run(2)))
}

func TestASupersededCanaryIsTakenTo0BeforeTheNewTemplateRuns(t *testing.T) {
	s := newStory(t, 4)
	s.template("2", true)
	s.settle()
	s.reach(run(3))
	s.template("3", true)
	s.settle()
	require.Equal(t, workload.TemplateOther, s.observe().Template)
	require.Empty(t, s.look(run(3)), "a Release doesn't run a template that it doesn't follow")

	s.known.Canary, s.known.Release = "", "checkout-2/77aa"
	require.Equal(t, int32(3), s.observe().Others)
	require.Equal(t, []string{"scale ReplicaSet v2 to 0: scale from 3 to 0"}, s.look(run(1)))
	require.Empty(t, s.look(run(1)), "the native controllers must know")
	s.settle()
	require.Equal(t, []string{"patch Deployment: run 1 canary pods"}, s.look(run(1)))
	s.settle()
	require.Equal(t, int32(1), s.observe().Canary.Ready)
	require.Zero(t, s.observe().Others)
	saved := s.observe().Original
	require.NotNil(t, saved)
	require.Equal(t, int32(600), *saved.ProgressDeadlineSeconds, "our own values are never taken for the user's")
}

func TestAnEarlierRevisionIsReleasedAgainByItsReplicaSet(t *testing.T) {
	s := newStory(t, 3)
	first := s.ReplicaSets[0].GetUID()
	s.template("2", false)
	s.settle()
	s.known.Stable = s.ReplicaSets[1].GetUID()
	require.NoError(t, s.Gate(func(template map[string]any) { delete(template["metadata"].(map[string]any), "annotations") }))
	s.settle()
	require.Equal(t, workload.TemplateCanary, s.observe().Template)
	require.Equal(t, first, s.observe().Canary.UID)
	s.reach(run(2))
	require.Len(t, s.ReplicaSets, 2)
	require.Equal(t, int32(2), s.observe().Canary.Ready)
	require.Equal(t, int32(3), s.observe().Stable.Ready)
}

func TestTheStableTemplateReappliedMovesNothingUntilReverted(t *testing.T) {
	s := newStory(t, 4)
	s.template("2", true)
	s.settle()
	s.reach(run(2))
	require.NoError(t, s.Gate(func(template map[string]any) { delete(template["metadata"].(map[string]any), "annotations") }))
	s.settle()
	require.Equal(t, workload.TemplateStable, s.observe().Template)
	require.Equal(t, int32(2), s.observe().Canary.Ready)
	require.Empty(t, s.look(run(2)))
	s.reach(workload.Want{Posture: workload.Revert})
	require.Zero(t, s.observe().Canary.Existing)
	require.Equal(t, int32(4), s.observe().Stable.Ready)
	require.False(t, s.observe().Pending)
	require.False(t, s.observe().Borrowed)
}

func TestFinishBeneathTheStableTemplateKeepsTheCanary(t *testing.T) {
	s := newStory(t, 4)
	s.template("2", true)
	s.settle()
	s.reach(run(4))
	require.NoError(t, s.Gate(func(template map[string]any) { delete(template["metadata"].(map[string]any), "annotations") }))
	s.settle()
	s.reach(workload.Want{Posture: workload.Finish})
	require.Equal(t, int32(4), s.observe().Canary.Ready)
	require.Zero(t, s.observe().Stable.Existing)
	require.True(t, s.observe().Pending)
	require.False(t, s.observe().Borrowed)
}

func TestFinishWithoutACanaryLetsTheHeldTemplateGo(t *testing.T) {
	s := newStory(t, 4)
	s.template("2", true)
	s.settle()
	s.reach(workload.Want{Posture: workload.Finish})
	require.Equal(t, int32(4), s.observe().Canary.Ready)
	require.Zero(t, s.observe().Stable.Existing)
}

func TestAHeldTemplateThatSomebodyUnpausedIsHeldAgain(t *testing.T) {
	s := newStory(t, 4)
	s.template("2", true)
	s.settle()
	require.NoError(t, s.Pause(false))
	s.SyncDeployment() // a stray ReplicaSet of the marked template
	require.Equal(t, []string{"patch Deployment: hold the template"}, s.look(run(1)))
	s.reach(run(1))
	require.Zero(t, s.observe().Others)
	require.Equal(t, int32(1), s.observe().Canary.Ready)
	require.Equal(t, int32(4), s.observe().Stable.Ready)
}

// Somebody un-paused over our marker, and the native controller replaced stable altogether. It looks between any
// two writes of ours, and sizes what we have sized by maxSurge.
func TestARolloutOfTheMarkedTemplateIsTakenBackToStable(t *testing.T) {
	for _, surge := range []any{"25%", int64(0), "100%"} {
		for _, posture := range []workload.Posture{workload.Hold, workload.Park, workload.Revert} {
			t.Run(fmt.Sprintf("maxSurge %v, %s", surge, posture), func(t *testing.T) {
				s := newStory(t, 4)
				s.spec(func(spec map[string]any) {
					spec["strategy"] = map[string]any{"type": "RollingUpdate", "rollingUpdate": map[string]any{"maxSurge": surge, "maxUnavailable": int64(1)}}
				})
				s.template("2", true)
				s.settle()
				require.NoError(t, s.Pause(false))
				s.settle()
				require.Zero(t, s.observe().Stable.Existing, "it was rolled out natively")
				s.creep(workload.Want{Posture: posture, Serving: true}, func() {
					pods := s.observe()
					require.GreaterOrEqual(t, pods.Stable.Ready+pods.Canary.Ready+pods.Others, int32(4))
				})
				require.Equal(t, int32(4), s.observe().Stable.Ready)
				require.Zero(t, s.observe().Others)
				bound, _, _ := unstructured.NestedFieldNoCopy(s.Deployment.Object, "spec", "strategy", "rollingUpdate", "maxSurge")
				require.Equal(t, posture != workload.Hold || surge == "100%", bound == surge, "maxSurge is %v", bound)
			})
		}
	}
}

// Stable that never serves again must not keep a Release from its end: its canary has no requests then.
func TestTheWayBackDoesNotWaitForAStableThatDoesNotServe(t *testing.T) {
	s := newStory(t, 4)
	s.template("2", true)
	s.settle()
	s.reach(run(4))
	for _, pod := range s.PodsOf(s.known.Stable) {
		s.SetReady(pod, false)
	}
	s.settle()
	s.reach(workload.Want{Posture: workload.Park})
	require.Zero(t, s.observe().Canary.Existing)
	require.Equal(t, int32(4), s.observe().Stable.Replicas)
}

func TestScaledFrom0WhileHeldStableServesAndRollsOutAgainLater(t *testing.T) {
	for name, size := range map[string]int32{"to one": 1, "to three": 3} {
		t.Run(name, func(t *testing.T) {
			s := newStory(t, 3)
			s.template("2", true)
			s.settle()
			s.reach(run(1))
			s.reach(workload.Want{Posture: workload.Park})
			require.NoError(t, s.Scale(0))
			s.settle()
			require.NoError(t, s.Scale(size))
			s.settle()
			require.Equal(t, size, s.observe().Canary.Replicas, "the native controller fills the newest")
			s.reach(workload.Want{Posture: workload.Park})
			require.Equal(t, size, s.observe().Stable.Ready)
			require.Zero(t, s.observe().Canary.Existing)
			s.known.Canary = ""
			s.reach(run(1))
			require.Equal(t, int32(1), s.observe().Canary.Ready)
			require.Equal(t, size, s.observe().Stable.Ready)
		})
	}
}

func TestFieldsWhoseCopyIsLostAreGuessed(t *testing.T) {
	s := newStory(t, 2)
	s.spec(func(spec map[string]any) { spec["minReadySeconds"] = int64(5) })
	s.Advance(1e10)
	s.settle()
	s.template("2", true)
	s.settle()
	s.reach(run(1))
	require.NoError(t, s.Edit(func(obj map[string]any) { delete(obj["metadata"].(map[string]any), "annotations") }))
	s.reach(workload.Want{Posture: workload.Finish})
	seconds, _, _ := unstructured.NestedInt64(s.Deployment.Object, "spec", "minReadySeconds")
	require.Equal(t, int64(5), seconds)
	require.NotContains(t, s.Deployment.GetAnnotations(), v1alpha1.AnnotationOriginal)
	_, found, _ := unstructured.NestedFieldNoCopy(s.Deployment.Object, "spec", "progressDeadlineSeconds")
	require.False(t, found, "the API server fills its default in")
}
