package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// AnalysisTemplate is a set of metrics of one source by which canaries are judged. Rollouts of its namespace name it in
// spec.analysis. A Release keeps the templates that it began with.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:categories=crossfade,shortName=cfat
// +kubebuilder:printcolumn:name="Metrics",type=string,JSONPath=`.spec.metrics[*].name`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type AnalysisTemplate struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec is what is measured, and how it is judged.
	// +required
	Spec AnalysisTemplateSpec `json:"spec"`
}

// AnalysisTemplateList is a list of AnalysisTemplates.
//
// +kubebuilder:object:root=true
type AnalysisTemplateList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []AnalysisTemplate `json:"items"`
}

// ClusterAnalysisTemplate is an AnalysisTemplate that Rollouts of all namespaces may name. Its Secrets are those of the
// controller's own namespace.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:scope=Cluster,categories=crossfade,shortName=cfcat
// +kubebuilder:printcolumn:name="Metrics",type=string,JSONPath=`.spec.metrics[*].name`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type ClusterAnalysisTemplate struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec is what is measured, and how it is judged.
	// +required
	// +kubebuilder:validation:XValidation:rule="!has(self.source) || !has(self.source.job)",message="spec.source: a ClusterAnalysisTemplate runs no Jobs, since whoever writes it need not be allowed to in each namespace; use an AnalysisTemplate"
	Spec AnalysisTemplateSpec `json:"spec"`
}

// ClusterAnalysisTemplateList is a list of ClusterAnalysisTemplates.
//
// +kubebuilder:object:root=true
type ClusterAnalysisTemplateList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ClusterAnalysisTemplate `json:"items"`
}

// AnalysisTemplateSpec is what is measured, and how it is judged. Wherever it has a query, a selector, an address or a body,
// {{args.NAME}} stands for an argument and {{release.NAME}} for a fact of the Release: namespace, rollout, name, service,
// canaryService, canaryHash, stableHash, canaryReplicaSet, stableReplicaSet, step and weight (in percent), the last two in
// templates of thresholds alone.
//
// +kubebuilder:validation:XValidation:rule="has(self.goldenSignals) || has(self.metrics)",message="spec: must say goldenSignals or metrics"
// +kubebuilder:validation:XValidation:rule="!has(self.source) || has(self.source.prometheus) || !has(self.goldenSignals) && self.metrics.all(m, has(m.threshold))",message="spec.metrics: only a Prometheus has counters to compare; use threshold"
// +kubebuilder:validation:XValidation:rule="!has(self.source) || !has(self.source.job) || self.metrics.all(m, !has(m.threshold.query) && !has(m.threshold.success) && !has(m.threshold.failure))",message="spec.metrics: a Job is a success or a failure by itself; take query, success and failure out"
// +kubebuilder:validation:XValidation:rule="!has(self.metrics) || has(self.source) && has(self.source.job) || self.metrics.all(m, !has(m.threshold) || has(m.threshold.query) && (has(m.threshold.success) || has(m.threshold.failure)))",message="spec.metrics: a threshold needs query, and success or failure"
type AnalysisTemplateSpec struct {
	// Args are the arguments of the template. Empty means none.
	// +optional
	// +kubebuilder:validation:MaxItems=16
	// +listType=map
	// +listMapKey=name
	Args []ArgumentSpec `json:"args,omitempty"`
	// Source is what is asked. Empty means the Prometheus of the installation.
	// +optional
	Source *MetricSource `json:"source,omitempty"`
	// GoldenSignals adds metrics of errors, latency and the split, by what a data plane counts. Empty means metrics alone.
	// +optional
	GoldenSignals *GoldenSignals `json:"goldenSignals,omitempty"`
	// Metrics are judged together with those of all other templates.
	// +optional
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +listType=map
	// +listMapKey=name
	Metrics []AnalysisMetric `json:"metrics,omitempty"`
}

// ArgumentSpec is an argument.
type ArgumentSpec struct {
	// Name of the argument.
	// +required
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-zA-Z][a-zA-Z0-9]*$`
	Name string `json:"name"`
	// Type is what its values must be. Empty means String.
	// +optional
	// +kubebuilder:default=String
	// +kubebuilder:validation:Enum=String;Integer;Number;Duration
	Type string `json:"type,omitempty"`
	// Default is its value where a Rollout gives none. Empty means that one must be given.
	// +optional
	Default *ArgumentValue `json:"default,omitempty"`
}

// ArgumentValue is the value of an argument. It has nothing that could end a quotation in a query.
//
// +kubebuilder:validation:MaxLength=256
// +kubebuilder:validation:Pattern="^[^\"'`\\\\{}\\n\\r]*$"
type ArgumentValue string

// Decimal is a number at least 0, such as "1.25".
//
// +kubebuilder:validation:MaxLength=16
// +kubebuilder:validation:Pattern=`^[0-9]+([.][0-9]+)?$`
type Decimal string

// Query is what is asked of a source.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=4096
type Query string

// AnalysisMetric is one metric: one of compare, latency, objective, split, threshold and goal.
//
// +kubebuilder:validation:XValidation:rule="(has(self.compare) ? 1 : 0) + (has(self.latency) ? 1 : 0) + (has(self.objective) ? 1 : 0) + (has(self.split) ? 1 : 0) + (has(self.threshold) ? 1 : 0) + (has(self.goal) ? 1 : 0) == 1",message="must say one of compare, latency, objective, split, threshold and goal"
// +kubebuilder:validation:XValidation:rule="!has(self.noData) || self.noData != 'Fail' || has(self.threshold)",message="noData: what compares has no data until there is traffic; use Fail with threshold alone"
type AnalysisMetric struct {
	// Name of the metric.
	// +required
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Name string `json:"name"`
	// Compare judges the canary's rate of events, such as errors, by stable's.
	// +optional
	Compare *CompareMetric `json:"compare,omitempty"`
	// Latency judges how many requests of the canary are slow by how many of stable's are.
	// +optional
	Latency *LatencyMetric `json:"latency,omitempty"`
	// Objective judges the canary's rate of events by a limit of its own.
	// +optional
	Objective *ObjectiveMetric `json:"objective,omitempty"`
	// Split judges whether the canary gets the requests that its weight says. A wrong split holds.
	// +optional
	Split *SplitMetric `json:"split,omitempty"`
	// Threshold judges one value by a condition, again and again.
	// +optional
	Threshold *ThresholdMetric `json:"threshold,omitempty"`
	// Goal is what users of both versions do, such as orders. It decides nothing but an A/B test that names it.
	// +optional
	Goal *GoalMetric `json:"goal,omitempty"`
	// Importance is the share of this metric's evidence against the canary, relative to the others', 0–100. Empty means 1.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	Importance *int32 `json:"importance,omitempty"`
	// DryRun measures and judges, and decides nothing. Empty means false.
	// +optional
	DryRun bool `json:"dryRun,omitempty"`
	// NoData says what a metric without data does: Hold has the Release wait; Ignore leaves it out meanwhile; Fail counts as a
	// failure, for a threshold alone. Empty means Hold.
	// +optional
	// +kubebuilder:default=Hold
	// +kubebuilder:validation:Enum=Hold;Ignore;Fail
	NoData string `json:"noData,omitempty"`
}

// Counters are selectors of raw counters, such as http_requests_total{job="shop"}; the series of all of them count together.
type Counters struct {
	// Requests are all that happened.
	// +required
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	// +listType=atomic
	Requests []Query `json:"requests"`
	// Events are what of it was bad, such as errors.
	// +required
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	// +listType=atomic
	Events []Query `json:"events"`
}

// Margins say how much worse than stable a canary may be.
type Margins struct {
	// Margin is the ratio to stable up to which a canary never fails. Empty means 1.1, of latencies 1.25.
	// +optional
	Margin *Decimal `json:"margin,omitempty"`
	// Limit is the ratio to stable that a canary which passes is shown to be under, over 1. Empty means 2, and of errors 1.5 from
	// a weight of 50 % on.
	// +optional
	Limit *Decimal `json:"limit,omitempty"`
	// Noise is how many times noisier the traffic is than requests that are routed one by one, at least 1. Empty has it learnt.
	// +optional
	Noise *Decimal `json:"noise,omitempty"`
}

// CompareMetric compares rates of events.
type CompareMetric struct {
	// Canary and Stable are the counters of both.
	// +required
	Canary Counters `json:"canary"`
	// Stable is what it is compared with.
	// +required
	Stable Counters `json:"stable"`
	// Shared says that each target that is scraped counts both arms, as a gateway does. Empty means false: pods count their own.
	// +optional
	Shared bool `json:"shared,omitempty"`
	// Floor is the rate up to which a canary never fails, such as 0.001, which is what empty means.
	// +optional
	Floor *Decimal `json:"floor,omitempty"`
	// Margins say how much worse it may be.
	Margins `json:",inline"`
}

// LatencyMetric compares histograms.
type LatencyMetric struct {
	// Canary are selectors of histograms: of buckets with a label le, or native ones.
	// +required
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	// +listType=atomic
	Canary []Query `json:"canary"`
	// Stable is what it is compared with.
	// +required
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	// +listType=atomic
	Stable []Query `json:"stable"`
	// Shared is as in compare.
	// +optional
	Shared bool `json:"shared,omitempty"`
	// Unit of the histograms. Empty means Seconds.
	// +optional
	// +kubebuilder:default=Seconds
	// +kubebuilder:validation:Enum=Seconds;Milliseconds
	Unit string `json:"unit,omitempty"`
	// Quantile over which requests count as slow, as stable has it before the release, over 0 and under 1. Empty means 0.99.
	// +optional
	Quantile *Decimal `json:"quantile,omitempty"`
	// Margins say how much worse it may be.
	Margins `json:",inline"`
}

// ObjectiveMetric is a service level objective.
type ObjectiveMetric struct {
	// Canary are its counters.
	// +required
	Canary Counters `json:"canary"`
	// Objective is the share of requests that are to be good, over 0 and under 1, such as "0.999".
	// +required
	Objective Decimal `json:"objective"`
	// Burn is how many times faster than the objective allows a canary may have events. Empty means 14.4.
	// +optional
	Burn *Decimal `json:"burn,omitempty"`
	// Budget is the number of events at which the canary fails whatever their rate. Empty means none.
	// +optional
	Budget *Decimal `json:"budget,omitempty"`
	// Noise is as in compare. Empty means 1: there is no stable to learn it from.
	// +optional
	Noise *Decimal `json:"noise,omitempty"`
}

// SplitMetric counts requests.
type SplitMetric struct {
	// Canary are selectors of its requests.
	// +required
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	// +listType=atomic
	Canary []Query `json:"canary"`
	// Stable are selectors of all others.
	// +required
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	// +listType=atomic
	Stable []Query `json:"stable"`
	// Shared is as in compare.
	// +optional
	Shared bool `json:"shared,omitempty"`
}

// GoalCounters are selectors of raw counters of users, each of whom counts once.
type GoalCounters struct {
	// Users are all of them.
	// +required
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	// +listType=atomic
	Users []Query `json:"users"`
	// Events are those who did it; with squares the sum of their values, such as of what they spent.
	// +required
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	// +listType=atomic
	Events []Query `json:"events"`
	// Squares are the sum of the squares of these values, by which the mean is compared. Empty compares the share of users.
	// +optional
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	// +listType=atomic
	Squares []Query `json:"squares,omitempty"`
}

// GoalMetric counts what users do.
//
// +kubebuilder:validation:XValidation:rule="has(self.canary.squares) == has(self.stable.squares)",message="goal: squares must be said of both versions, or of none"
type GoalMetric struct {
	// Canary are the users of the canary.
	// +required
	Canary GoalCounters `json:"canary"`
	// Stable likewise.
	// +required
	Stable GoalCounters `json:"stable"`
	// Shared is as in compare.
	// +optional
	Shared bool `json:"shared,omitempty"`
	// Better is More or Fewer. Empty means More.
	// +optional
	// +kubebuilder:default=More
	// +kubebuilder:validation:Enum=More;Fewer
	Better string `json:"better,omitempty"`
	// Same is the difference of the two shares, or means, that means nothing, such as "0.002". Empty means that each counts.
	// +optional
	Same *Decimal `json:"same,omitempty"`
	// Planned is the number of users of both versions at which the test is to be most precise. Empty means 20000.
	// +optional
	// +kubebuilder:validation:Minimum=100
	Planned *int32 `json:"planned,omitempty"`
	// Noise is as in compare; 1 where the counters are of users. Empty means 1.
	// +optional
	Noise *Decimal `json:"noise,omitempty"`
}

// ThresholdMetric measures one value again and again.
type ThresholdMetric struct {
	// Query is what is asked, in the language of the source.
	// +optional
	Query *Query `json:"query,omitempty"`
	// Success is a CEL expression of type bool: the value is good. Its variables are result, the number, what the JSON was, or,
	// where there are several series, a list of numbers; and series, the same as a list of {labels, value}.
	// +optional
	Success Expression `json:"success,omitempty"`
	// Failure likewise: the value is bad. Where both are said, a value that is neither is inconclusive; else one follows from the
	// other.
	// +optional
	Failure Expression `json:"failure,omitempty"`
	// InitialDelay is how long after the start the first measurement is taken. Empty means at once.
	// +optional
	InitialDelay *Duration `json:"initialDelay,omitempty"`
	// Interval between two measurements. Empty takes one, whatever count says.
	// +optional
	Interval *Duration `json:"interval,omitempty"`
	// Count is after how many measurements with a value it passes. Empty takes them until consecutiveSuccesses are good; without
	// these too, for as long as it is asked: it passes while the last one, of the step itself, is good, and may fail at any time.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Count int32 `json:"count,omitempty"`
	// FailureLimit is how many failures are borne. Empty means 0.
	// +optional
	// +kubebuilder:validation:Minimum=0
	FailureLimit int32 `json:"failureLimit,omitempty"`
	// ConsecutiveFailures in a row fail. Empty means no such limit.
	// +optional
	// +kubebuilder:validation:Minimum=0
	ConsecutiveFailures int32 `json:"consecutiveFailures,omitempty"`
	// ConsecutiveSuccesses in a row pass. Empty means no such limit.
	// +optional
	// +kubebuilder:validation:Minimum=0
	ConsecutiveSuccesses int32 `json:"consecutiveSuccesses,omitempty"`
	// InconclusiveLimit is how many inconclusive measurements are borne. Empty means 0.
	// +optional
	// +kubebuilder:validation:Minimum=0
	InconclusiveLimit int32 `json:"inconclusiveLimit,omitempty"`
	// ErrorLimit is how many measurements without a value in a row are borne. Empty means 0.
	// +optional
	// +kubebuilder:validation:Minimum=0
	ErrorLimit int32 `json:"errorLimit,omitempty"`
}
