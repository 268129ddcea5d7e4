package suite_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/e2e/suite/world"
)

// TestGitOpsLoopThroughARelease: all that Git says is written each second through a whole release, by each way that tools
// have to write it. No request is lost, and the split is the step's.
func TestGitOpsLoopThroughARelease(t *testing.T) {
	t.Parallel()
	for name, with := range map[string]setting{
		"server-side":  {write: gitOps},
		"IngressRoute": {write: gitOps, kind: "IngressRoute"},
		"client-side":  {write: clientSideApply},
		"replace":      {write: replace},
		"json-patch":   {write: jsonPatch},
		"helm":         {write: serverSideApply("helm")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hold, write := &v1alpha1.Hold{For: world.Seconds(5)}, with.write
			with.steps = []v1alpha1.Step{world.Weighted("ten", 10, hold), world.Weighted("half", 50, hold)}
			s := begin(t, with)
			s.ship("v2")
			manifests := []*unstructured.Unstructured{s.app.Deployment(), s.app.Service(), s.app.Route()}
			loop, end := context.WithCancel(s.ctx)
			ended := make(chan applied)
			go func() { ended <- s.applyRegularly(loop, name == "helm", manifests) }()
			release := s.awaitOutcome(1, v1alpha1.OutcomePromoted)
			s.awaitRequests(time.Now(), afterwards)
			end()
			done := <-ended
			s.logf("applied %d times: %d dry runs showed no difference, %d conflicts", done.times, done.same, done.conflicts)
			require.Positive(t, done.same)
			require.Equal(t, name == "helm", done.conflicts > 0, "conflicts")
			for _, manifest := range manifests {
				_, err := write(s.ctx, manifest, false)
				require.NoError(t, err, "after the release")
			}
			s.requireSteps(release, "ten", "half")
			records := s.requireNoneFailed()
			for step, want := range map[string]float64{"ten": 0.10, "half": 0.50} {
				sent := during(s.stepNamed(release, step), records)
				s.requireShare(step+", gateway", gatewayOnly(sent), "v2", want, 100)
				s.requireShare(step+", ClusterIP", serviceOnly(sent), "v2", 0, 100)
			}
			s.requireLikeTwin(false, ships("v2"))
		})
	}
}

// applied is what came of writing over and over.
type applied struct{ times, same, conflicts int }

// applyRegularly writes the manifests each second and expects that a dry run before shows no difference. unforced says
// that the pin of a Service and the split of a route are in conflict with what the tool has written there.
func (s *scenario) applyRegularly(ctx context.Context, unforced bool, manifests []*unstructured.Unstructured) (done applied) {
	_ = wait.PollUntilContextCancel(ctx, time.Second, true, func(context.Context) (bool, error) {
		for _, manifest := range manifests {
			refused := func(err error) bool {
				return unforced && manifest.GetKind() != "Deployment" && apierrors.IsConflict(err) && strings.Contains(err.Error(), `conflict with "`+v1alpha1.FieldManager+`"`)
			}
			change, compared, err := s.dryRun(manifest)
			switch {
			case refused(err):
			case err != nil || change != "":
				s.t.Errorf("a dry run of %s would change\n%s%v", manifest.GetKind(), change, err)
			case compared:
				done.same++
			}
			if _, err := s.write(s.ctx, manifest, false); refused(err) {
				done.conflicts++
			} else if err != nil {
				s.t.Errorf("GitOps: write %s: %v", manifest.GetKind(), err)
			}
		}
		done.times++
		return false, nil
	})
	return done
}

// dryRun tells what a write would change. Where somebody else wrote meanwhile, it cannot tell.
func (s *scenario) dryRun(manifest *unstructured.Unstructured) (change string, compared bool, err error) {
	key := client.ObjectKeyFromObject(manifest)
	live, again := manifest.DeepCopy(), manifest.DeepCopy()
	if err := shared.Client.Get(s.ctx, key, live); err != nil {
		return "", false, err
	}
	answer, err := s.write(s.ctx, manifest, true)
	if err != nil {
		return "", false, err
	}
	if shared.Client.Get(s.ctx, key, again) != nil || again.GetResourceVersion() != live.GetResourceVersion() {
		return "", false, nil
	}
	for _, obj := range []*unstructured.Unstructured{live, answer} {
		unstructured.RemoveNestedField(obj.Object, "metadata", "managedFields")
		unstructured.RemoveNestedField(obj.Object, "metadata", "resourceVersion")
		unstructured.RemoveNestedField(obj.Object, "metadata", "generation")
		unstructured.RemoveNestedField(obj.Object, "status")
		// The native controller's, which a full replace drops and it puts back.
		unstructured.RemoveNestedField(obj.Object, "metadata", "annotations", "deployment.kubernetes.io/revision")
		prune(obj.Object, "metadata", "annotations")
	}
	if before, after := toJSON(live), toJSON(answer); before != after {
		return difference(before, after), true, nil
	}
	return "", true, nil
}
