package release

import (
	"reflect"
	"strings"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/lru"

	"crossfade.io/crossfade/trafficrouting"
)

// recalled bounds how many routes answers are kept of.
const recalled = 1024

// recalling is a Provider that gives the answer that it gave to the same question about the same version
// of the same route: most looks find the route as the last one did, and an answer takes a rendering of it.
type recalling struct {
	trafficrouting.Provider
	answers *lru.Cache
	// release that asks: the next one may have another description of the kind.
	release types.UID
}

// subject of an answer; answer itself, with all that it depends on beside.
type (
	subject struct {
		route types.UID
		owner trafficrouting.Owner
	}
	answer struct {
		release  types.UID
		version  string // of all objects that the question was about
		splits   []trafficrouting.Split
		observed trafficrouting.Observed
	}
)

// Observe is the Provider's.
func (r recalling) Observe(live trafficrouting.Objects, owner trafficrouting.Owner, splits []trafficrouting.Split) trafficrouting.Observed {
	if live.Route == nil {
		return r.Provider.Observe(live, owner, splits)
	}
	about, version := subject{live.Route.GetUID(), owner}, versionOf(live)
	if known, ok := r.answers.Get(about); ok {
		if last := known.(answer); last.release == r.release && last.version == version && reflect.DeepEqual(last.splits, splits) {
			return last.observed
		}
	}
	observed := r.Provider.Observe(live, owner, splits)
	r.answers.Add(about, answer{release: r.release, version: version, splits: splits, observed: observed})
	return observed
}

// versionOf tells the objects from what they were and will be.
func versionOf(live trafficrouting.Objects) string {
	if len(live.Beside) == 0 {
		return live.Route.GetResourceVersion()
	}
	versions := []string{live.Route.GetResourceVersion()}
	for _, obj := range live.Beside {
		versions = append(versions, string(obj.GetUID()), obj.GetResourceVersion())
	}
	return strings.Join(versions, " ")
}
