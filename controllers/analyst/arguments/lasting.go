package arguments

import (
	"encoding/json"
	"fmt"
	"regexp"

	"crossfade.io/crossfade/apis/v1alpha1"
)

// moving are the facts that are others at each step.
var moving = regexp.MustCompile(`[{][{]\s*release[.](step|weight)\s*[}][}]`)

// lasting refuses facts of a step where counters are compared: their evidence is of all steps together, so what is counted, and who
// is asked for it, must be the same at each. A threshold is measured as of its step.
func lasting(spec v1alpha1.AnalysisTemplateSpec) error {
	counted := ""
	if spec.GoldenSignals != nil {
		counted = "goldenSignals"
	}
	for _, metric := range spec.Metrics {
		if metric.Threshold != nil {
			continue
		}
		counted = "metric " + metric.Name
		if err := unmoved(counted, metric, "take it out, or use a threshold"); err != nil {
			return err
		}
	}
	if counted == "" || spec.Source == nil {
		return nil
	}
	return unmoved("source", spec.Source, "take it out, or have no "+counted+" in this template")
}

func unmoved(what string, part any, mend string) error {
	text, err := json.Marshal(part)
	if err != nil {
		return fmt.Errorf("encode %s: %w", what, err)
	}
	if found := moving.FindSubmatch(text); found != nil {
		return fmt.Errorf("%s has {{release.%s}}, which is another one at each step, and counters are judged over all steps; %s", what, found[1], mend)
	}
	return nil
}
