package analyst

import (
	"slices"
	"strings"

	"crossfade.io/crossfade/apis/v1alpha1"
)

// moves says whether what is asked depends on the step that the Release is at.
func moves(release *v1alpha1.Release) bool {
	return slices.ContainsFunc(release.Spec.AnalysisTemplates, func(text string) bool {
		return strings.Contains(text, "release.step") || strings.Contains(text, "release.weight")
	})
}

// follow has a threshold ask by the facts of a step, as it is measured there: its query, its conditions and its source. What counts has
// no such facts, since its counters are judged over all steps.
func (i *inquiry) follow(a *Analyst, m *metric, step string) error {
	if !i.moves || m.step == step {
		return nil
	}
	i.mu.Lock()
	release := i.release
	i.mu.Unlock()
	asks, err := asksOf(release, factsOf(release, step))
	if err != nil {
		return err
	}
	asked := asks[slices.Index(i.metrics, m)] // they are those of the plan, in its order
	conditions, err := compiled(*asked.Threshold, asked.job())
	if err != nil {
		return err
	}
	if err := i.use(a, release, m, asked); err != nil {
		return err
	}
	m.conditions, m.step = conditions, step
	return nil
}
