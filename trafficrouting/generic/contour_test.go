package generic_test

import (
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/providertest"
	"crossfade.io/crossfade/trafficrouting/rules"
)

const httpProxyHead = `
apiVersion: projectcontour.io/v1
kind: HTTPProxy
metadata: {name: shop, namespace: shop, generation: 3}
spec:
  virtualhost: {fqdn: shop.example.com}
  routes:`

var userHTTPProxies = map[string]string{
	"one rule": httpProxyHead + `
  - services: [{name: checkout, port: 80}]`,
	"weights of its own": httpProxyHead + `
  - conditions: [{prefix: /percent}]
    services: [{name: checkout, port: 80, weight: 70}, {name: legacy, port: 80, weight: 30}]
  - services: [{name: checkout, port: 80}, {name: legacy, port: 80}, {name: idle, port: 81}]
    timeoutPolicy: {response: 5s}
  - conditions: [{prefix: /static}]
    services: [{name: checkout, port: 80}, {name: legacy, port: 80, weight: 1}]`,
	"several rules": httpProxyHead + `
  - conditions: [{prefix: /api}, {header: {name: X-Beta, present: true}}]
    services: [{name: checkout, port: 80}]
    pathRewritePolicy: {replacePrefix: [{replacement: /}]}
  - conditions: [{exact: /cart}]
    services: [{name: cart, port: 80}]
  - conditions: [{prefix: /old}]
    requestRedirectPolicy: {path: /}
  - services: [{name: checkout, port: 80}, {name: cart, port: 80, weight: 3}]`,
	"a rule without our header": httpProxyHead + `
  - conditions: [{prefix: /static}, {header: {name: X-Canary, notexact: "no"}}]
    services: [{name: checkout, port: 80}]
  - conditions: [{prefix: /api}, {queryParameter: {name: v, exact: "2"}}, {header: {name: x-tenant, contains: a}}]
    services: [{name: checkout, port: 81}]
  - services: [{name: checkout, port: 82}]`,
}

func httpProxies() plane {
	extra := providertest.Parse(httpProxyHead + `
  - {conditions: [{prefix: /extra}], services: [{name: checkout, port: 80, weight: 4}]}`)
	return plane{"httpproxy.projectcontour.io", providertest.Fixtures{
		Routes: routesOf(userHTTPProxies), Requests: requests(), Admit: contourAdmits, Best: trafficrouting.EvidenceAccepted,
		Edits: edits("routes", rulesOf(extra, "routes")[0].(object), func(rule object) { rule["permitInsecure"] = true }),
		Serve: func(live trafficrouting.Objects, r providertest.Request) providertest.Shares {
			return contourServes(live.Route, r)
		},
		Accept: func(live trafficrouting.Objects) trafficrouting.Objects {
			route := live.Route.DeepCopy()
			valid := object{
				"type": "Valid", "status": "True", "reason": "Valid", "message": "ok", "observedGeneration": route.GetGeneration(),
				"lastTransitionTime": "2026-01-01T00:00:00Z",
			}
			_ = unstructured.SetNestedSlice(route.Object, []any{valid}, "status", "conditions")
			return trafficrouting.Objects{Route: route}
		},
	}, madeHTTPProxy}
}

// contourAdmits asks the API server, and then as Contour does, which takes no two exact conditions on one name, one mirror to a
// rule, and of rules with the same conditions the last alone.
func contourAdmits(obj *unstructured.Unstructured) error {
	if err := admit(obj); err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, rule := range rules.Objects(rulesOf(obj, "routes")) {
		mirrors := 0
		for _, service := range rules.Objects(rule["services"]) {
			if weight, _ := rules.Integer(service["weight"]); service["mirror"] == true {
				mirrors++
				if mirrors > 1 || weight < 1 || weight > 100 {
					return fmt.Errorf("a mirror too many, or of %d percent", weight)
				}
			}
		}
		exact, all := map[string]bool{}, []string{pathOf(rule)}
		for _, c := range rules.Objects(rule["conditions"]) {
			for _, field := range []string{"header", "queryParameter"} {
				condition, ok := c[field].(object)
				if !ok {
					continue
				}
				text, _ := json.Marshal(condition)
				all = append(all, field+string(text))
				name := field + strings.ToLower(condition["name"].(string))
				if value, ok := condition["exact"]; ok && value != "" {
					if exact[name] {
						return fmt.Errorf("several exact conditions on %s", name)
					}
					exact[name] = true
				}
			}
		}
		slices.Sort(all)
		if key := strings.Join(all, " "); seen[key] {
			return fmt.Errorf("several rules have conditions %s", key)
		}
		seen[strings.Join(all, " ")] = true
	}
	return nil
}

func pathOf(rule object) string {
	for _, c := range rules.Objects(rule["conditions"]) {
		for _, kind := range []string{"prefix", "exact"} {
			if path, ok := c[kind].(string); ok {
				return kind + path
			}
		}
	}
	return "prefix/"
}

// contourServes takes a request as the configuration does that Contour writes: exact paths, then long prefixes, then most
// headers, then most query parameters.
func contourServes(route *unstructured.Unstructured, r providertest.Request) providertest.Shares {
	all := rules.Objects(rulesOf(route, "routes"))
	rank := func(rule object) [4]int {
		exact, path := 0, pathOf(rule)
		if strings.HasPrefix(path, "exact") {
			exact = 1
		}
		headers, queries := 0, 0
		for _, c := range rules.Objects(rule["conditions"]) {
			if c["header"] != nil {
				headers++
			}
			if c["queryParameter"] != nil {
				queries++
			}
		}
		return [4]int{exact, len(path), headers, queries}
	}
	slices.SortStableFunc(all, func(a, b rules.Object) int {
		x, y := rank(a), rank(b)
		return slices.Compare(y[:], x[:])
	})
	for _, rule := range all {
		if contourMatches(rule, r) {
			return weightedClusters(rule)
		}
	}
	return nil
}

func contourMatches(rule object, r providertest.Request) bool {
	kind, path := pathOf(rule)[:5], strings.TrimPrefix(strings.TrimPrefix(pathOf(rule), "prefix"), "exact")
	if kind == "exact" && r.Path != path || kind != "exact" && !strings.HasPrefix(r.Path, path) {
		return false
	}
	for _, c := range rules.Objects(rule["conditions"]) {
		if h, ok := c["header"].(object); ok && !conditionHolds(h, r.Headers, strings.ToLower(h["name"].(string))) {
			return false
		}
		if q, ok := c["queryParameter"].(object); ok && !conditionHolds(q, r.Query, q["name"].(string)) {
			return false
		}
	}
	return true
}

// conditionHolds: Envoy's conditions other than that there is none ask for a value, and expressions match the whole of it.
func conditionHolds(c object, of map[string]string, name string) bool {
	value, there := of[name]
	for kind, want := range c {
		text, _ := want.(string)
		holds := true
		switch kind {
		case "present":
			holds = there
		case "notpresent":
			holds = !there
		case "exact":
			holds = there && value == text
		case "notexact":
			holds = there && value != text
		case "contains":
			holds = there && strings.Contains(value, text)
		case "regex":
			holds = there && regexp.MustCompile("^(?:"+text+")$").MatchString(value)
		}
		if !holds {
			return false
		}
	}
	return true
}

// weightedClusters shares by weights, of which none is 0; where all are, evenly. Of the one that gets copies, the weight is a
// percentage.
func weightedClusters(rule object) providertest.Shares {
	out := providertest.Shares{}
	services := slices.DeleteFunc(rules.Objects(rule["services"]), func(service rules.Object) bool {
		if service["mirror"] != true {
			return false
		}
		weight, _ := rules.Integer(service["weight"])
		out[providertest.CopyKey(fmt.Sprint(service["name"]), fmt.Sprint(service["port"]))] = big.NewRat(weight, 100)
		return true
	})
	total := int64(0)
	for _, service := range services {
		weight, _ := rules.Integer(service["weight"])
		total += weight
	}
	for _, service := range services {
		weight, _ := rules.Integer(service["weight"])
		share := big.NewRat(1, int64(len(services)))
		if total > 0 {
			share = big.NewRat(weight, total)
		}
		key := fmt.Sprintf("%v|port:%v %v %v", service["name"], service["port"], rule["timeoutPolicy"], rule["pathRewritePolicy"])
		if out[key] == nil {
			out[key] = new(big.Rat)
		}
		out[key].Add(out[key], share)
	}
	return out
}

func madeHTTPProxy(d *providertest.Dice) *unstructured.Unstructured {
	route := providertest.Parse(httpProxyHead + " []")
	var all []any
	for _, path := range []string{"/", "/api", "/cart"} {
		for range d.Roll(3) {
			conditions := []any{object{providertest.Choose(d, "prefix", "exact"): path}}
			for range d.Roll(3) {
				header := object{"name": providertest.Choose(d, "X-Canary", "x-tenant", "x-beta")}
				switch d.Roll(4) {
				case 0:
					header["present"] = true
				case 1:
					header["notpresent"] = true
				case 2:
					header["exact"] = providertest.Choose(d, "yes", "a")
				case 3:
					header["contains"] = "a"
				}
				conditions = append(conditions, object{"header": header})
			}
			more := append(all, object{"conditions": conditions, "services": madeServices(d, false)})
			if _ = unstructured.SetNestedSlice(route.Object, more, "spec", "routes"); contourAdmits(route) == nil {
				all = more
			}
		}
	}
	if len(all) == 0 {
		all = append(all, object{"services": madeServices(d, false)})
	}
	_ = unstructured.SetNestedSlice(route.Object, all, "spec", "routes")
	return route
}
