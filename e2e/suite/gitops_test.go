package suite_test

import (
	"context"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/e2e/suite/world"
)

func TestGitOpsLoopThroughARelease(t *testing.T) {
	t.Parallel()
	s := begin(t, setting{steps: []v1alpha1.Step{
		world.Weighted("ten", 10, &v1alpha1.Hold{For: world.Seconds(3)}),
		world.Weighted("half", 50, &v1alpha1.Hold{For: world.Seconds(3)}),
	}})
	s.ship("v2")
	loop, end := context.WithCancel(s.ctx)
	ended := make(chan int)
	go func() { ended <- s.applyRegularly(loop, s.app.Deployment(), s.app.Service(), s.app.Route()) }()
	release := s.awaitOutcome(1, v1alpha1.OutcomePromoted)
	s.awaitRequests(time.Now(), afterwards)
	end()
	s.logf("applied %d times, and each dry run showed no difference", <-ended)
	s.requireSteps(release, "ten", "half")
	s.requireNoneFailed()
	s.requireLikeTwin(false, ships("v2"))
}

// applyRegularly applies the manifests each second and expects that a dry run before shows no difference.
func (s *scenario) applyRegularly(ctx context.Context, manifests ...*unstructured.Unstructured) (times int) {
	_ = wait.PollUntilContextCancel(ctx, time.Second, true, func(context.Context) (bool, error) {
		for _, manifest := range manifests {
			if change, compared := s.dryRun(manifest); compared && change != "" {
				s.t.Errorf("a dry run of %s would change\n%s", manifest.GetKind(), change)
			}
			if err := shared.Apply(s.ctx, manifest); err != nil {
				s.t.Errorf("GitOps: %v", err)
			}
		}
		times++
		return false, nil
	})
	return times
}

// dryRun tells what a forced apply would change. Where somebody else wrote meanwhile, it cannot tell.
func (s *scenario) dryRun(manifest *unstructured.Unstructured) (change string, compared bool) {
	key := client.ObjectKeyFromObject(manifest)
	live, applied, again := manifest.DeepCopy(), manifest.DeepCopy(), manifest.DeepCopy()
	if shared.Client.Get(s.ctx, key, live) != nil {
		return "", false
	}
	err := shared.Client.Apply(s.ctx, client.ApplyConfigurationFromUnstructured(applied),
		client.FieldOwner("gitops"), client.ForceOwnership, client.DryRunAll)
	if err != nil {
		return err.Error(), true
	}
	if shared.Client.Get(s.ctx, key, again) != nil || again.GetResourceVersion() != live.GetResourceVersion() {
		return "", false
	}
	for _, obj := range []*unstructured.Unstructured{live, applied} {
		unstructured.RemoveNestedField(obj.Object, "metadata", "managedFields")
		unstructured.RemoveNestedField(obj.Object, "metadata", "resourceVersion")
		unstructured.RemoveNestedField(obj.Object, "metadata", "generation")
		unstructured.RemoveNestedField(obj.Object, "status")
	}
	if before, after := toJSON(live), toJSON(applied); before != after {
		return difference(before, after), true
	}
	return "", true
}
