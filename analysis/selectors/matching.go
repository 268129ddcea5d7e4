package selectors

import (
	"sync"

	"github.com/prometheus/prometheus/model/labels"
)

// mostKnown is of how many values a test knows what comes of them.
const mostKnown = 64

// test is a matcher that knows what came of the values that it met, which are few, and keeps no compiled expression: that takes more
// memory than all else that is known of a Release.
type test struct {
	name, value string
	kind        labels.MatchType

	mu    sync.Mutex
	known map[string]bool
}

func (t *test) passes(value string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	passes, known := t.known[value]
	if known {
		return passes
	}
	matcher, err := labels.NewMatcher(t.kind, t.name, t.value)
	passes = err == nil && matcher.Matches(value) // it was compiled before
	if len(t.known) >= mostKnown {
		clear(t.known)
	}
	t.known[value] = passes
	return passes
}
