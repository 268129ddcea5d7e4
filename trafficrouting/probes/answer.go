package probes

import (
	"fmt"
	"strings"

	"crossfade.io/crossfade/apis/v1alpha1"
)

// Key tells one question from others. An answer counts for the very state of the route that was asked about.
type Key struct {
	// Route and Probe name what was asked. State is a fingerprint of the split, and of the objects that carry it.
	Route, Probe, State string
}

// Question is one probe of one state of a route, with all that is needed to ask it.
type Question struct {
	Key
	Request v1alpha1.Probe
	// Stable and Canary are the two versions that may answer.
	Stable, Canary Arm
}

// Arm is how a version is told from the other one.
type Arm struct {
	// Pods is what the names of its pods begin with; empty if that is not known.
	Pods string
	// Service is the base of URLs by which its Service is asked directly, such as http://10.0.0.1:80.
	Service string
	// Name of that Service, for messages.
	Name string
}

// Answer is what a question came to. Its zero value but for Key shows nothing.
type Answer struct {
	Key
	// Stable and Canary say which versions have answered.
	Stable, Canary bool
	// Said is what the answers said of their version.
	Said string
	// Problem says why some answers are missing, or tell no version, and the mend. Empty means that all tell one.
	Problem string
}

// Passed says whether all requests have reached the version that the split wants.
func (a Answer) Passed(want Version) bool {
	return a.Problem == "" && a.Stable == (want == Stable) && a.Canary == (want == Canary)
}

// Tell says in words what was seen, beside what is wanted; known is false if nothing has been seen yet.
func (a Answer) Tell(p v1alpha1.Probe, want Version, known bool) string {
	text := fmt.Sprintf("probe %s (%s %s", p.Name, Method(p), p.URL)
	if p.Host != nil {
		text += ", Host " + *p.Host
	}
	text += ") must reach " + string(want)
	switch by := a.by(); {
	case !known:
		return text + "; it was not answered yet"
	case by == "":
		return text + "; " + a.Problem
	default:
		text += fmt.Sprintf("; %s answered, with %s: %q", by, p.IdentifiedBy.Header, a.Said)
		if a.Problem != "" {
			text += ", then " + a.Problem
		}
		return text
	}
}

func (a Answer) by() string {
	switch {
	case a.Stable && a.Canary:
		return "now stable, now the canary"
	case a.Stable:
		return string(Stable)
	case a.Canary:
		return string(Canary)
	}
	return ""
}

// Said are values of the identifying header.
type Said struct {
	// Gateway are those of the probe's answers, in order.
	Gateway []string
	// Stable and Canary are what the Services say when they are asked directly.
	Stable, Canary string
}

// ByPods says whether the pods' names tell all answers apart, so that nobody has to be asked directly.
func (q Question) ByPods(values []string) bool {
	for _, value := range values {
		if q.byPod(value) == Either {
			return false
		}
	}
	return true
}

// byPod is the version whose pod is called so; Either if it is neither's.
func (q Question) byPod(value string) Version {
	stable := q.Stable.Pods != "" && strings.HasPrefix(value, q.Stable.Pods)
	canary := q.Canary.Pods != "" && strings.HasPrefix(value, q.Canary.Pods)
	switch {
	case stable && !canary:
		return Stable
	case canary && !stable:
		return Canary
	}
	return Either
}

// Judge says which versions have answered.
func (q Question) Judge(said Said) Answer {
	answer := Answer{Key: q.Key}
	for _, value := range said.Gateway {
		by := q.byPod(value)
		if by == Either && said.Stable != said.Canary {
			by = map[string]Version{said.Stable: Stable, said.Canary: Canary}[value]
		}
		switch {
		case by == Stable:
			answer.Stable, answer.Said = true, value
		case by == Canary:
			answer.Canary, answer.Said = true, value
		case said.Stable == said.Canary:
			answer.Problem = fmt.Sprintf("Services %s and %s both answer with %s: %q, which tells no version; have the app say its version there, or its pod's name",
				q.Stable.Name, q.Canary.Name, q.Request.IdentifiedBy.Header, said.Stable)
		default:
			answer.Problem = fmt.Sprintf("the answer has %s: %q, where stable has %q and the canary %q; have the app say its version there, or its pod's name",
				q.Request.IdentifiedBy.Header, value, said.Stable, said.Canary)
		}
	}
	return answer
}
