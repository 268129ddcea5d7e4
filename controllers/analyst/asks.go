package analyst

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"k8s.io/utils/ptr"

	"crossfade.io/crossfade/analysis/goldensignals"
	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/controllers/analyst/arguments"
	"crossfade.io/crossfade/trafficrouting"
)

// What kinds of metric are called.
const (
	kindCompare   = "Compare"
	kindLatency   = "Latency"
	kindObjective = "Objective"
	kindSplit     = "Split"
	kindThreshold = "Threshold"
	kindGoal      = "Goal"
)

// What becomes of a metric without data.
const (
	noDataIgnore = "Ignore"
	noDataFail   = "Fail"
)

// ask is one metric as it is asked for.
type ask struct {
	v1alpha1.AnalysisMetric

	// name is the metric's, after its template's.
	name string
	// ref and source are nil for golden signals of the Rollout.
	ref    *v1alpha1.AnalysisTemplateRef
	source *v1alpha1.MetricSource
	// scope is the template whose steps are its own; empty where all are judged together.
	scope string
	// decidesTest: it is the goal of the A/B test.
	decidesTest bool
}

func (a ask) kind() string {
	switch {
	case a.Latency != nil:
		return kindLatency
	case a.Objective != nil:
		return kindObjective
	case a.Split != nil:
		return kindSplit
	case a.Threshold != nil:
		return kindThreshold
	case a.Goal != nil:
		return kindGoal
	default:
		return kindCompare
	}
}

// lag is that of its source; otherwise that of the installation's Prometheus.
func (a ask) lag(otherwise time.Duration) time.Duration {
	switch {
	case a.source == nil:
		return otherwise
	case a.source.Prometheus != nil && a.source.Prometheus.Lag != nil:
		return a.source.Prometheus.Lag.Duration.Duration
	default:
		return 0
	}
}

// job: it is measured by Jobs.
func (a ask) job() bool { return a.source != nil && a.source.Job != nil }

// holds: without data the Release waits.
func (a ask) holds() bool {
	return !a.DryRun && a.NoData != noDataIgnore && a.Goal == nil
}

// asksOf are all metrics of a Release. Its errors are for people.
func asksOf(release *v1alpha1.Release, facts map[string]string) ([]ask, error) {
	spec := release.Spec.Policy.Analysis
	var all []ask
	if spec.GoldenSignals != nil {
		signals, err := golden(release, facts, *spec.GoldenSignals)
		if err != nil {
			return nil, err
		}
		for _, metric := range signals {
			all = append(all, ask{AnalysisMetric: metric, name: metric.Name})
		}
	}
	for i, ref := range spec.Templates {
		if i >= len(release.Spec.AnalysisTemplates) {
			return nil, fmt.Errorf("template %s: the Release began without it; abort it and apply the version again", ref.Name)
		}
		some, err := templateAsks(release, facts, &ref, i)
		if err != nil {
			return nil, fmt.Errorf("template %s: %w", ref.Name, err)
		}
		all = append(all, some...)
	}
	return all, nil
}

func templateAsks(release *v1alpha1.Release, facts map[string]string, ref *v1alpha1.AnalysisTemplateRef, at int) ([]ask, error) {
	var template v1alpha1.AnalysisTemplateSpec
	if err := json.Unmarshal([]byte(release.Spec.AnalysisTemplates[at]), &template); err != nil {
		return nil, fmt.Errorf("read its snapshot: %w", err)
	}
	template, err := arguments.Expand(template, ref.Args, facts)
	if err != nil {
		return nil, err
	}
	metrics := template.Metrics
	if template.GoldenSignals != nil {
		signals, err := golden(release, facts, *template.GoldenSignals)
		if err != nil {
			return nil, err
		}
		metrics = append(signals, metrics...)
	}
	scope := ""
	if len(ref.Steps) > 0 || ref.From != "" || ref.Promoted {
		scope = strconv.Itoa(at) + "/" + ref.Name
	}
	all := make([]ask, 0, len(metrics))
	for _, metric := range metrics {
		all = append(all, ask{AnalysisMetric: metric, name: ref.Name + "/" + metric.Name, ref: ref, source: template.Source, scope: scope})
	}
	return all, nil
}

// golden are errors, latency and the split by what a data plane counts of all Services.
func golden(release *v1alpha1.Release, facts map[string]string, asked v1alpha1.GoldenSignals) ([]v1alpha1.AnalysisMetric, error) {
	plane := goldensignals.Plane(asked.Source)
	compare := v1alpha1.CompareMetric{Margins: v1alpha1.Margins{Noise: asked.Noise}}
	latency := v1alpha1.LatencyMetric{Margins: v1alpha1.Margins{Noise: asked.Noise}}
	for i, service := range release.Spec.Policy.ServiceRefs {
		signals, err := goldensignals.For(plane,
			goldensignals.Backend{Namespace: release.Namespace, Service: trafficrouting.CanaryOf(service.Name), ReplicaSet: facts["canaryReplicaSet"]},
			goldensignals.Backend{Namespace: release.Namespace, Service: service.Name, ReplicaSet: facts["stableReplicaSet"]})
		if err != nil {
			return nil, err
		}
		if i > 0 && plane == goldensignals.Application {
			break // pods are the same, whatever Service they are reached by
		}
		compare.Canary.Requests = append(compare.Canary.Requests, queries(signals.Canary.Requests)...)
		compare.Canary.Events = append(compare.Canary.Events, queries(signals.Canary.Errors)...)
		compare.Stable.Requests = append(compare.Stable.Requests, queries(signals.Stable.Requests)...)
		compare.Stable.Events = append(compare.Stable.Events, queries(signals.Stable.Errors)...)
		latency.Canary = append(latency.Canary, queries(signals.Canary.Latency)...)
		latency.Stable = append(latency.Stable, queries(signals.Stable.Latency)...)
		compare.Shared, latency.Shared, latency.Unit = signals.Shared, signals.Shared, "Seconds"
		if signals.Unit == time.Millisecond {
			latency.Unit = "Milliseconds"
		}
	}
	split := v1alpha1.SplitMetric{Canary: compare.Canary.Requests, Stable: compare.Stable.Requests, Shared: compare.Shared}
	return []v1alpha1.AnalysisMetric{
		{Name: "errors", Compare: &compare}, {Name: "latency", Latency: &latency}, {Name: "split", Split: &split},
	}, nil
}

func queries(selectors []string) []v1alpha1.Query {
	all := make([]v1alpha1.Query, len(selectors))
	for i, s := range selectors {
		all[i] = v1alpha1.Query(s)
	}
	return all
}

// arms are the selectors of what is counted of both versions; all nil of a threshold.
type arms struct {
	canary, canaryEvents, stable, stableEvents []string
	// canarySquares and stableSquares are of a Goal that compares means.
	canarySquares, stableSquares []string
	shared, histogram            bool
}

func (a ask) arms() arms {
	switch {
	case a.Compare != nil:
		return counted(a.Compare.Canary, a.Compare.Stable, a.Compare.Shared)
	case a.Goal != nil:
		return a.goal()
	case a.Objective != nil:
		return counted(a.Objective.Canary, v1alpha1.Counters{}, false)
	case a.Split != nil:
		return arms{canary: texts(a.Split.Canary), stable: texts(a.Split.Stable), shared: a.Split.Shared}
	case a.Latency != nil:
		return arms{canary: texts(a.Latency.Canary), stable: texts(a.Latency.Stable), shared: a.Latency.Shared, histogram: true}
	default:
		return arms{}
	}
}

func counted(canary, stable v1alpha1.Counters, shared bool) arms {
	return arms{
		canary: texts(canary.Requests), canaryEvents: texts(canary.Events), stable: texts(stable.Requests), stableEvents: texts(stable.Events),
		shared: shared,
	}
}

func (a ask) goal() arms {
	canary, stable := a.Goal.Canary, a.Goal.Stable
	of := counted(v1alpha1.Counters{Requests: canary.Users, Events: canary.Events}, v1alpha1.Counters{Requests: stable.Users, Events: stable.Events}, a.Goal.Shared)
	of.canarySquares, of.stableSquares = texts(canary.Squares), texts(stable.Squares)
	return of
}

func (a arms) all() []string {
	var all []string
	for _, list := range [][]string{a.canary, a.canaryEvents, a.canarySquares, a.stable, a.stableEvents, a.stableSquares} {
		all = append(all, list...)
	}
	return all
}

func texts(queries []v1alpha1.Query) []string {
	all := make([]string, len(queries))
	for i, q := range queries {
		all[i] = string(q)
	}
	return all
}

// number reads a Decimal; otherwise where there is none.
func number(d *v1alpha1.Decimal, otherwise float64) float64 {
	v, err := strconv.ParseFloat(string(ptr.Deref(d, "")), 64)
	if err != nil {
		return otherwise
	}
	return v
}
