package nginx

import (
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/trafficrouting"
)

// object is one JSON object of an Ingress. Ingresses are never read through typed structs: a typed copy would drop the
// fields that our build does not know.
type object = map[string]any

const classAnnotation = "kubernetes.io/ingress.class"

// classOf returns the class by which controllers know whose an Ingress is; empty where it has none.
func classOf(ingress *unstructured.Unstructured) string {
	if class, ok, _ := unstructured.NestedString(ingress.Object, "spec", "ingressClassName"); ok {
		return class
	}
	return ingress.GetAnnotations()[classAnnotation]
}

// path is one path of a rule of an Ingress.
type path struct {
	host, path, kind string
	service          string
	object           object
}

// key tells paths apart.
func (p path) key() [3]string { return [3]string{p.host, p.path, p.kind} }

// pathsOf returns copies.
func pathsOf(ingress *unstructured.Unstructured) []path {
	var out []path
	rules, _, _ := unstructured.NestedSlice(ingress.Object, "spec", "rules")
	for _, rule := range objects(rules) {
		host, _ := rule["host"].(string)
		http, _ := rule["http"].(object)
		for _, p := range objects(http["paths"]) {
			text, _ := p["path"].(string)
			kind, _ := p["pathType"].(string)
			out = append(out, path{host: host, path: text, kind: kind, service: serviceOf(p["backend"]), object: p})
		}
	}
	return out
}

// serviceOf returns the Service that a backend names; empty where it names something else.
func serviceOf(backend any) string {
	b, _ := backend.(object)
	service, _ := b["service"].(object)
	name, _ := service["name"].(string)
	return name
}

func defaultService(ingress *unstructured.Unstructured) string {
	backend, _, _ := unstructured.NestedMap(ingress.Object, "spec", "defaultBackend")
	return serviceOf(backend)
}

// names says whether an Ingress sends requests to a Service.
func names(ingress *unstructured.Unstructured, service string) bool {
	return defaultService(ingress) == service ||
		slices.ContainsFunc(pathsOf(ingress), func(p path) bool { return p.service == service })
}

// mirrored returns the rules of all Ingresses of the class that name a Service, with another in its place. A path that
// another Service has as well is left out: a controller may take it to be that one's.
func (p Ingress) mirrored(live trafficrouting.Objects, service, instead string) []any {
	to, others := p.paths(live, service)
	taken := map[[3]string]bool{}
	for _, at := range others {
		taken[at.key()] = true
	}
	var hosts []string
	byHost := map[string][]any{}
	for _, at := range to {
		if taken[at.key()] {
			continue
		}
		taken[at.key()] = true
		backend, _ := at.object["backend"].(object)
		backend["service"].(object)["name"] = instead // a copy of ours, see pathsOf
		if byHost[at.host] == nil {
			hosts = append(hosts, at.host)
		}
		byHost[at.host] = append(byHost[at.host], at.object)
	}
	var rules []any
	for _, host := range hosts {
		rule := object{"http": object{"paths": byHost[host]}}
		if host != "" {
			rule["host"] = host
		}
		rules = append(rules, rule)
	}
	return rules
}

func objects(list any) []object {
	items, _ := list.([]any)
	out := make([]object, 0, len(items))
	for _, item := range items {
		if o, ok := item.(object); ok {
			out = append(out, o)
		}
	}
	return out
}
