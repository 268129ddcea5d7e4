package analyst

import (
	"context"

	"crossfade.io/crossfade/analysis"
	"crossfade.io/crossfade/apis/v1alpha1"
)

// Sources opens what metrics are asked of.
type Sources interface {
	// Open returns the source of a template, for the Release; nil spec is the installation's Prometheus. ref is nil for golden signals of the Rollout.
	// It may read Secrets, so it is called beside the reconciling. The same source is returned again for equal specs, so that limits hold
	// over all Releases, and each request ends by itself, in the time that its source has: nobody else knows how long a Job may take.
	// Its errors are for people, and name no secret.
	Open(ctx context.Context, release *v1alpha1.Release, ref *v1alpha1.AnalysisTemplateRef, spec *v1alpha1.MetricSource) (analysis.Source, error)
}
