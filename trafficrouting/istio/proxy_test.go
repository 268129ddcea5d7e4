package istio_test

import (
	"fmt"
	"math/big"
	"regexp"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/providertest"
)

type object = map[string]any

// proxy is a model of what a sidecar does with requests, by Istio's documents. It shares no code with the provider.
type proxy struct{ trafficrouting.Objects }

// serve says where requests like r go by the rules of HTTP: the first that matches decides.
func (p proxy) serve(r providertest.Request) providertest.Shares {
	for _, rule := range listOf(p.Route.Object, "spec", "http") {
		matches := listOf(rule, "match")
		hit := len(matches) == 0
		for _, match := range matches {
			hit = hit || meets(match, r)
		}
		if hit {
			return p.to(rule, r)
		}
	}
	return nil
}

// connect says where connections go by a list of rules that all of them meet.
func (p proxy) connect(list string) providertest.Shares {
	for _, rule := range listOf(p.Route.Object, "spec", list) {
		return p.to(rule, providertest.Request{})
	}
	return nil
}

// to shares requests among a rule's destinations. What they meet at each is what its Service's DestinationRules say.
func (p proxy) to(rule object, r providertest.Request) providertest.Shares {
	destinations := listOf(rule, "route")
	total := int64(0)
	for _, d := range destinations {
		total += weightOf(d)
	}
	how := fmt.Sprint(rule["timeout"], rule["retries"], rule["rewrite"], rule["corsPolicy"], rule["fault"])
	shares := providertest.Shares{}
	p.copies(rule, shares)
	arrival := passing(rule, providertest.Arrive(r))
	for _, d := range destinations {
		share := big.NewRat(1, 1)
		if len(destinations) > 1 {
			if total == 0 {
				panic("Istio admits no rule whose weights are all 0")
			}
			share = big.NewRat(weightOf(d), total)
		}
		destination := d["destination"].(object)
		service, served := p.behind(destination)
		if !served {
			continue // 503: no such subset
		}
		key := service + "|" + how + passing(d, arrival).Key()
		if shares[key] == nil {
			shares[key] = new(big.Rat)
		}
		shares[key].Add(shares[key], share)
	}
	return shares
}

// copies adds the backends that get copies of what a rule takes.
func (p proxy) copies(rule object, shares providertest.Shares) {
	mirrors := listOf(rule, "mirrors")
	if mirror, ok := rule["mirror"].(object); ok {
		if len(mirrors) > 0 {
			panic("Istio admits no rule with mirror and mirrors")
		}
		mirrors = []object{{"destination": mirror, "percentage": rule["mirrorPercentage"]}}
	}
	for _, mirror := range mirrors {
		destination := mirror["destination"].(object)
		share := big.NewRat(1, 1)
		if percentage, ok := mirror["percentage"].(object); ok {
			share = new(big.Rat)
			share.SetString(fmt.Sprint(percentage["value"]))
			share.Quo(share, big.NewRat(100, 1))
		}
		number := ""
		if port, ok := destination["port"].(object); ok {
			number = fmt.Sprint(port["number"])
		}
		service := strings.TrimSuffix(complete(destination["host"].(string)), ".shop.svc.cluster.local")
		shares[providertest.CopyKey(service, number)] = share
	}
}

// passing returns what becomes of a request, and its answer, by the headers of a rule or destination.
func passing(of object, arrival providertest.Arrival) providertest.Arrival {
	request := mapOf(mapOf(of, "headers"), "request")
	var remove []string
	names, _ := request["remove"].([]any)
	for _, name := range names {
		remove = append(remove, name.(string))
	}
	arrival = arrival.Change(texts(request, "set"), texts(request, "add"), remove)
	for _, value := range texts(mapOf(mapOf(of, "headers"), "response"), "add") {
		arrival.Cookies = append(arrival.Cookies, value)
	}
	return arrival
}

func texts(o object, field string) map[string]string {
	out := map[string]string{}
	for name, value := range mapOf(o, field) {
		out[name] = value.(string)
	}
	return out
}

// behind names the Service of a destination and the policy that applies, and says whether its subset exists.
func (p proxy) behind(destination object) (string, bool) {
	host := complete(destination["host"].(string))
	service := strings.TrimSuffix(host, ".shop.svc.cluster.local")
	subset, named := destination["subset"].(string)
	policies, found := []string{}, false
	for _, dr := range p.Beside {
		spec := dr.Object["spec"].(object)
		if complete(spec["host"].(string)) != host {
			continue
		}
		policies = append(policies, fmt.Sprint(spec["trafficPolicy"]))
		for _, s := range listOf(spec, "subsets") {
			if s["name"] == subset {
				// The pods of a canary Service have other labels than those that a user's subset picks.
				found = !strings.HasSuffix(service, v1alpha1.CanarySuffix) || len(mapOf(s, "labels")) == 0
				policies = append(policies, fmt.Sprint(s["trafficPolicy"]))
			}
		}
	}
	return fmt.Sprintf("%s|%v %v", service, destination["port"], policies), found || !named
}

// complete is a host as istiod reads it in namespace shop.
func complete(host string) string {
	if strings.Contains(host, ".") {
		return host
	}
	return host + ".shop.svc.cluster.local"
}

func weightOf(destination object) int64 {
	switch weight := destination["weight"].(type) {
	case int64:
		return weight
	case float64:
		return int64(weight)
	}
	return 0
}

func meets(match object, r providertest.Request) bool {
	if uri, ok := match["uri"].(object); ok && !holds(uri, r.Path, true) {
		return false
	}
	if method, ok := match["method"].(object); ok && !holds(method, r.Method, true) {
		return false
	}
	gateways, _ := match["gateways"].([]any)
	for key, value := range mapOf(match, "sourceLabels") {
		if has, ok := r.Labels[key]; len(gateways) == 0 && (!ok || has != value) { // beside gateways it looks at none
			return false
		}
	}
	for field, values := range map[string]map[string]string{"headers": r.Headers, "queryParams": r.Query} {
		for name, want := range mapOf(match, field) {
			value, there := values[name]
			if !holds(want.(object), value, there) {
				return false
			}
		}
	}
	for name, want := range mapOf(match, "withoutHeaders") {
		if value, there := r.Headers[name]; holds(want.(object), value, there) {
			return false
		}
	}
	return true
}

func holds(want object, value string, there bool) bool {
	for kind, text := range want {
		switch text := text.(string); kind {
		case "exact":
			return there && value == text
		case "prefix":
			return there && strings.HasPrefix(value, text)
		case "regex":
			return there && regexp.MustCompile("^(?:"+text+")$").MatchString(value)
		}
	}
	return there
}

func mapOf(o object, field string) object {
	value, _ := o[field].(object)
	return value
}

func listOf(o object, fields ...string) []object {
	items, _, _ := unstructured.NestedSlice(o, fields...)
	var out []object
	for _, item := range items {
		out = append(out, item.(object))
	}
	return out
}
