package providertest

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/trafficrouting"
)

// Elsewhere is the same fixtures with the routes in another namespace than the Services and their owners: move writes a
// route so, and does nothing to what is so already; back undoes it. About is what such a route needs.
func Elsewhere(f Fixtures, move, back func(route *unstructured.Unstructured), about ...*unstructured.Unstructured) Fixtures {
	moved := func(o trafficrouting.Objects, by func(*unstructured.Unstructured)) trafficrouting.Objects {
		o.Route = o.Route.DeepCopy()
		by(o.Route)
		return o
	}
	routes, edits := map[string]trafficrouting.Objects{}, map[string]func(*unstructured.Unstructured){}
	for name, o := range f.Routes {
		o = moved(o, move)
		o.About = append(o.About, about...)
		routes[name] = o
	}
	for name, edit := range f.Edits {
		edits[name] = func(route *unstructured.Unstructured) {
			edit(route)
			move(route)
		}
	}
	serve := f.Serve
	f.Routes, f.Edits = routes, edits
	f.Serve = func(live trafficrouting.Objects, r Request) Shares { return serve(moved(live, back), r) }
	return f
}
