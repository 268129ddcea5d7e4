package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// AnalysisSpec says what canaries are judged by. All metrics are judged together, at every step.
//
// +kubebuilder:validation:XValidation:rule="has(self.goldenSignals) || has(self.templates)",message="analysis: must say goldenSignals or templates"
type AnalysisSpec struct {
	// GoldenSignals judges errors, latency and the split by what a data plane counts, as the installation's Prometheus has it.
	// Empty means templates alone.
	// +optional
	GoldenSignals *GoldenSignals `json:"goldenSignals,omitempty"`
	// Templates name further metrics.
	// +optional
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	// +listType=atomic
	Templates []AnalysisTemplateRef `json:"templates,omitempty"`
}

// GoldenSignals are those of what carries the requests.
type GoldenSignals struct {
	// Source counts the requests; Application is the pods themselves, by the names of OpenTelemetry.
	// +required
	// +kubebuilder:validation:Enum=Istio;Traefik;IngressNginx;Linkerd;Application
	Source string `json:"source"`
	// Noise is how many times noisier the traffic is than requests that are routed one by one, at least 1: see kubectl crossfade
	// calibrate. Empty has it found or learnt.
	// +optional
	Noise *Decimal `json:"noise,omitempty"`
}

// AnalysisTemplateRef names a template.
type AnalysisTemplateRef struct {
	// Kind is AnalysisTemplate or ClusterAnalysisTemplate. Empty means AnalysisTemplate.
	// +optional
	// +kubebuilder:default=AnalysisTemplate
	// +kubebuilder:validation:Enum=AnalysisTemplate;ClusterAnalysisTemplate
	Kind string `json:"kind,omitempty"`
	// Name of the template.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
	// Args are the values of its arguments.
	// +optional
	// +kubebuilder:validation:MaxItems=16
	// +listType=map
	// +listMapKey=name
	Args []Argument `json:"args,omitempty"`
	// Steps at which it is judged, by name. Empty means all.
	// +optional
	// +kubebuilder:validation:MaxItems=16
	// +listType=set
	Steps []string `json:"steps,omitempty"`
	// From is the step from which on it is judged. Empty means the first.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	From string `json:"from,omitempty"`
	// Promoted has it judged once the new version has everything, for keepOldFor, and not before. Empty means false.
	// +optional
	Promoted bool `json:"promoted,omitempty"`
}

// Argument of a template.
type Argument struct {
	// Name of the argument.
	// +required
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name"`
	// Value of it.
	// +required
	Value ArgumentValue `json:"value"`
}

// AnalysisStatus is what the evidence was when it was last written down: with each verdict, and once a minute.
type AnalysisStatus struct {
	// At is when that was.
	At metav1.MicroTime `json:"at"`
	// Verdict of all metrics together.
	Verdict Verdict `json:"verdict"`
	// Message says what it rests on.
	Message string `json:"message"`
	// Outlook says how long evidence takes at this traffic and the weights from the present step on, by the compare that takes
	// longest, and which further weight would be much quicker. Empty means that it isn't known.
	// +optional
	Outlook string `json:"outlook,omitempty"`
	// Share is the canary's share of all requests in the last minutes, as counted, such as "12.3%". Empty means that nobody counts.
	// +optional
	Share string `json:"share,omitempty"`
	// Metrics are those that were judged, also of steps before.
	// +optional
	// +listType=atomic
	Metrics []MetricStatus `json:"metrics,omitempty"`
}

// MetricStatus is one metric.
type MetricStatus struct {
	// Name of the metric, after its template's name and a slash where it has one.
	Name string `json:"name"`
	// Kind is Compare, Latency, Objective, Split, Threshold or Goal.
	Kind string `json:"kind"`
	// Verdict of this metric alone.
	Verdict Verdict `json:"verdict"`
	// Reason says what it rests on.
	Reason string `json:"reason"`
	// DryRun decides nothing.
	// +optional
	DryRun bool `json:"dryRun,omitempty"`
	// Ratio is how many times as bad the canary is as what it is measured by, and Low and High the ends of a 95 % band that holds
	// at all looks. Empty means that there are none, as of a Goal, which has a difference.
	// +optional
	Ratio string `json:"ratio,omitempty"`
	// Low end of the band.
	// +optional
	Low string `json:"low,omitempty"`
	// High end of the band; "+Inf" where there is none.
	// +optional
	High string `json:"high,omitempty"`
	// Worse is ln of the evidence that it is worse than it may be, which fails at FailsAt, if alone.
	// +optional
	Worse string `json:"worse,omitempty"`
	// FailsAt is ln of the evidence that is enough to fail.
	// +optional
	FailsAt string `json:"failsAt,omitempty"`
	// Safe is ln of the evidence that it is as good as it must be, which passes at PassesAt.
	// +optional
	Safe string `json:"safe,omitempty"`
	// PassesAt is ln of the evidence that is enough to pass.
	// +optional
	PassesAt string `json:"passesAt,omitempty"`
	// Outcome of a Goal is Open, Better, Worse or Same; Skewed where users were not shared as declared, so that nothing can be compared.
	// +optional
	Outcome string `json:"outcome,omitempty"`
	// Difference is the canary's share of users who did it minus stable's, and Half half the width of its 95 % band, of a Goal.
	// +optional
	Difference string `json:"difference,omitempty"`
	// Half the width of the band.
	// +optional
	Half string `json:"half,omitempty"`
	// Edge is what is slow, in seconds, of a Latency.
	// +optional
	Edge string `json:"edge,omitempty"`
	// Noise is how many times noisier than independent requests the traffic is taken to be.
	// +optional
	Noise string `json:"noise,omitempty"`
	// Decides is about how long it takes to decide, such as "2m30s". Empty means that it can't be said.
	// +optional
	Decides string `json:"decides,omitempty"`
	// Series is a table as comma-separated values with a heading, at most 60 points, oldest first: seconds since the Release began,
	// ratio, low, high, worse and safe at that time; and of the time since the point before: canary and stable, which are the
	// rates, of a Latency the quantiles in seconds, of a Split the canary's share as counted and as declared, of a Threshold the
	// value; canaryRequests and stableRequests. Of a Goal ratio, low and high are the difference and the ends of its band, canary
	// and stable the shares or means so far, and the requests are users counted since the point before. What isn't known is empty.
	// +optional
	Series string `json:"series,omitempty"`
	// Verdicts are the latest changes of its verdict, oldest first, at most 8.
	// +optional
	// +listType=atomic
	Verdicts []VerdictStatus `json:"verdicts,omitempty"`
}

// VerdictStatus is a verdict, once.
type VerdictStatus struct {
	// At is when it came to be.
	At metav1.MicroTime `json:"at"`
	// Verdict that it was.
	Verdict Verdict `json:"verdict"`
	// Reason for it.
	Reason string `json:"reason"`
}
