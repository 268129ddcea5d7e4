package release_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/controllers/release/planner"
	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/workload"
)

// spoils make an Input that no shell should ever read.
var spoils = map[string]func(*planner.Input){
	"no progress deadline":         func(in *planner.Input) { in.Policy.ProgressDeadline = nil },
	"no drain":                     func(in *planner.Input) { in.Policy.Timing.Drain = nil },
	"no collapse time":             func(in *planner.Input) { in.Policy.Timing.CollapseAfter = nil },
	"no steps":                     func(in *planner.Input) { in.Policy.Strategy.Steps = nil },
	"a step too far":               func(in *planner.Input) { in.Status.Progress.Step = 99 },
	"a step before the first":      func(in *planner.Input) { in.Status.Progress.Step = -1 },
	"no record of steps":           func(in *planner.Input) { in.Status.Steps = nil },
	"no time of the stage":         func(in *planner.Input) { in.Status.Progress.StageSince = nil },
	"an unknown stage":             func(in *planner.Input) { in.Status.Progress.Stage = "Dancing" },
	"an unknown cause":             func(in *planner.Input) { in.Status.Progress.Cause = "Boredom" },
	"repairs without their time":   func(in *planner.Input) { in.Status.Progress.Repairs, in.Status.Progress.RepairsSince = 99, nil },
	"no kind":                      func(in *planner.Input) { in.Observed.Kind = nil },
	"no provider":                  func(in *planner.Input) { in.Observed.Routes[0].Provider = nil },
	"no workload":                  func(in *planner.Input) { in.Observed.Workload = workload.Objects{} },
	"no revisions":                 func(in *planner.Input) { in.Observed.Workload.Revisions = nil },
	"no pods":                      func(in *planner.Input) { in.Observed.Workload.Pods = nil },
	"no Service":                   func(in *planner.Input) { in.Observed.Services[0].User = nil },
	"no canary Service":            func(in *planner.Input) { in.Observed.Services[0].Canary = nil },
	"no Services":                  func(in *planner.Input) { in.Observed.Services = nil },
	"no route":                     func(in *planner.Input) { in.Observed.Routes[0].Objects = trafficrouting.Objects{} },
	"no routes":                    func(in *planner.Input) { in.Observed.Routes = nil },
	"probes that nobody has asked": func(in *planner.Input) { in.Observed.Routes[0].Ref.Probes = twoProbes() },
	"a probe without a URL": func(in *planner.Input) {
		in.Observed.Routes[0].Ref.Probes = twoProbes()
		in.Observed.Routes[0].Ref.Probes[0].URL = "http://[::1"
	},
	"probes of Services without ports": func(in *planner.Input) {
		in.Observed.Routes[0].Ref.Probes = twoProbes()
		unstructured.RemoveNestedField(in.Observed.Services[0].User.Object, "spec", "ports")
	},
	"an empty workload": func(in *planner.Input) {
		in.Observed.Workload.Workload = &unstructured.Unstructured{Object: map[string]any{}}
	},
	"a Service without a spec": func(in *planner.Input) { delete(in.Observed.Services[0].User.Object, "spec") },
	"a route without a spec":   func(in *planner.Input) { delete(in.Observed.Routes[0].Objects.Route.Object, "spec") },
	"a route's annotation is garbage": func(in *planner.Input) {
		in.Observed.Routes[0].Objects.Route.SetAnnotations(map[string]string{v1alpha1.AnnotationSplitPrefix + "checkout": "{"})
	},
}

// spoil spoils an Input, unless another spoil has taken away what this one is about.
func spoil(how func(*planner.Input), in *planner.Input) {
	defer func() { _ = recover() }()
	how(in)
}

func sortedSpoils() []string { return slices.Sorted(maps.Keys(spoils)) }

// stages are all that a Release can be at.
var stages = []v1alpha1.Stage{
	"", v1alpha1.StageStepping, v1alpha1.StageFilling, v1alpha1.StageFlipping, v1alpha1.StageUnpinning, v1alpha1.StageRepinning,
	v1alpha1.StageDraining, v1alpha1.StageRetiring, v1alpha1.StageReturning, v1alpha1.StageRestoring, v1alpha1.StageCleaning,
	v1alpha1.StageEnded, v1alpha1.StageWidening, v1alpha1.StageWithdrawing, v1alpha1.StageWithdrawnDraining,
	v1alpha1.StageRetreating, v1alpha1.StageReopening,
}

// TestPlanIsTotal: whatever it is given, the planner decides something, and pins nothing to nobody.
func TestPlanIsTotal(t *testing.T) {
	w := newWorld(t, options{})
	w.image("checkout:2")
	w.at("half")
	for name, how := range spoils {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, stage := range stages {
				for _, effect := range []bool{true, false} {
					in := w.input()
					in.Status.Progress.Stage = stage
					if !effect {
						in.Status.Progress.EffectSince = nil
					}
					spoil(how, &in)
					var d planner.Decision
					require.NotPanics(t, func() { d = planner.Plan(in) }, "at %s", stage)
					for _, write := range d.Writes {
						require.NotContains(t, string(write.Body), `"`+v1alpha1.LabelTemplateHash+`":""`, "%s at %s", write, stage)
					}
				}
			}
		})
	}
}
