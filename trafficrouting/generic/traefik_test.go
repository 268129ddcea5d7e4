package generic_test

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"math/big"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/providertest"
	"crossfade.io/crossfade/trafficrouting/rules"
)

const ingressRouteHead = `
apiVersion: traefik.io/v1alpha1
kind: IngressRoute
metadata: {name: shop, namespace: shop, generation: 3, labels: {app: shop}}
spec:
  entryPoints: [web]
  routes:`

// Rules are written by people, and with what YAML makes of a backtick, in quotes.
var userIngressRoutes = map[string]string{
	"one rule": ingressRouteHead + `
  - {match: "PathPrefix(` + "`/`" + `)", kind: Rule, services: [{name: checkout, port: 80}]}`,
	"weights of its own": ingressRouteHead + `
  - match: PathPrefix("/percent")
    services: [{name: checkout, port: 80, weight: 70}, {name: legacy, port: 80, weight: 30}]
  - match: PathPrefix("/")
    priority: 2
    services:
    - {name: checkout, port: 80, weight: 3, passHostHeader: false}
    - {name: legacy, port: 80}
    - {name: checkout, namespace: other, port: 80}
    - {name: tuned, kind: TraefikService, weight: 2}
    - {name: api@internal, kind: TraefikService, weight: 0}`,
	"several rules": ingressRouteHead + `
  - match: PathPrefix("/") && (Method("POST") || Header("X-Beta", "on"))
    services: [{name: checkout, port: 81}]
    middlewares: [{name: auth}]
  - match: PathPrefix("/static")
    priority: 1000
    services: [{name: static, port: 80}]
  - match: PathPrefix("/")
    services: [{name: checkout, port: 80}]`,
	"a rule that has our header": ingressRouteHead + `
  - match: PathPrefix("/") && Header("x-canary", "yes")
    services: [{name: checkout, port: 80}]
  - match: PathPrefix("/") && !Header("x-canary", "yes") && QueryRegexp("v", "^2$")
    services: [{name: checkout, port: 81}]
  - match: PathPrefix("/")
    services: [{name: checkout, port: 82}]`,
	"two Services, two rules": ingressRouteHead + `
  - match: PathPrefix("/cart") || Path("/checkout-cart")
    services: [{name: cart, port: 80}]
  - match: PathPrefix("/")
    services: [{name: checkout, port: 80}]`,
	"two Services in one rule": ingressRouteHead + `
  - match: PathPrefix("/")
    services: [{name: cart, port: 80, weight: 2}, {name: checkout, port: 80, weight: 1}, {name: legacy, port: 80, weight: 3}]`,
	"letters of two bytes": ingressRouteHead + `
  - {match: PathPrefix("/") || Path("/crème-brûlée"), services: [{name: checkout, port: 80}]}`,
	"rules of one length, apart": ingressRouteHead + `
  - {match: PathPrefix("/api"), services: [{name: checkout, port: 80}]}
  - {match: PathPrefix("/car"), services: [{name: cart, port: 80}]}`,
}

func ingressRoutes() plane {
	extra := providertest.Parse(ingressRouteHead + `
  - {match: PathPrefix("/extra") && Method("PATCH"), priority: 2000, services: [{name: checkout, port: 80, weight: 4}]}`)
	fixtures := providertest.Fixtures{
		Routes: routesOf(userIngressRoutes), Requests: requests(), Admit: admit, Best: trafficrouting.EvidenceWritten,
		Edits: edits("routes", rulesOf(extra, "routes")[0].(object), func(rule object) {
			rule["middlewares"] = append([]any{object{"name": "limit"}}, orNone(rule["middlewares"])...)
		}),
		Serve: func(live trafficrouting.Objects, r providertest.Request) providertest.Shares {
			return traefikServes(live, r)
		},
		Accept: func(live trafficrouting.Objects) trafficrouting.Objects { return live },
	}
	fixtures.Edits["a match of the user's last rule"] = func(r *unstructured.Unstructured) {
		last := rulesOf(r, "routes")[len(rulesOf(r, "routes"))-1].(object)
		last["match"] = last["match"].(string) + ` && Header("X-Added", "1")`
	}
	return plane{"ingressroute.traefik.io", fixtures, madeIngressRoute}
}

func orNone(list any) []any { out, _ := list.([]any); return out }

// traefikServes is Traefik's router: the rule with the highest priority takes a request, by default the longest.
func traefikServes(live trafficrouting.Objects, r providertest.Request) providertest.Shares {
	all := rules.Objects(rulesOf(live.Route, "routes"))
	slices.SortStableFunc(all, func(a, b rules.Object) int { return int(priorityOf(b) - priorityOf(a)) })
	for _, rule := range all {
		if traefikMatches(rule["match"].(string), r) {
			return roundRobin(live.Beside, rule["services"], len(rules.Objects(rule["services"])) == 1, fmt.Sprint(rule["middlewares"]))
		}
	}
	return nil
}

func priorityOf(rule object) int64 {
	if own, ok := rules.Integer(rule["priority"]); ok && own != 0 {
		return own
	}
	return int64(len(rule["match"].(string)))
}

// roundRobin shares by weights, of which none means 1. One that is direct is called whatever its weight.
func roundRobin(beside []*unstructured.Unstructured, services any, direct bool, how string) providertest.Shares {
	out, total := providertest.Shares{}, int64(0)
	for _, service := range rules.Objects(services) {
		weight, set := rules.Integer(service["weight"])
		if !set || direct {
			weight = 1
		}
		total += weight
		called := service
		for _, obj := range beside {
			if service["kind"] != "TraefikService" || obj.GetName() != service["name"] || weight == 0 {
				continue
			}
			called = obj.Object["spec"].(object)["mirroring"].(object)
			for _, mirror := range rules.Objects(called["mirrors"]) {
				percent, _ := rules.Integer(mirror["percent"])
				out[providertest.CopyKey(fmt.Sprint(mirror["name"]), fmt.Sprint(mirror["port"]))] = big.NewRat(percent, 100)
			}
		}
		key := keyOf(called) + how
		if out[key] == nil {
			out[key] = new(big.Rat)
		}
		out[key].Add(out[key], big.NewRat(weight, 1))
	}
	for key, share := range out {
		if total > 0 && !strings.HasPrefix(key, "copy|") {
			share.Quo(share, big.NewRat(total, 1))
		}
	}
	return out
}

// keyOf is how a service is called.
func keyOf(service object) string {
	name := service["name"].(string)
	if namespace, ok := service["namespace"]; ok && namespace != "shop" || service["kind"] == "TraefikService" {
		name = fmt.Sprint("elsewhere ", name)
	}
	rest := rules.Shallow(service)
	for _, field := range []string{"name", "weight", "mirrors"} {
		delete(rest, field)
	}
	text, _ := json.Marshal(rest)
	return name + "|" + string(text)
}

// traefikMatches reads a rule as Traefik does, as an expression of Go.
func traefikMatches(rule string, r providertest.Request) bool {
	expr, err := parser.ParseExpr(rule)
	if err != nil {
		panic(fmt.Sprintf("rule %s: %v", rule, err))
	}
	return holds(expr, r)
}

func holds(expr ast.Expr, r providertest.Request) bool {
	switch e := expr.(type) {
	case *ast.ParenExpr:
		return holds(e.X, r)
	case *ast.UnaryExpr:
		return !holds(e.X, r)
	case *ast.BinaryExpr:
		if e.Op == token.LAND {
			return holds(e.X, r) && holds(e.Y, r)
		}
		return holds(e.X, r) || holds(e.Y, r)
	case *ast.CallExpr:
		var args []string
		for _, arg := range e.Args {
			text, err := strconv.Unquote(arg.(*ast.BasicLit).Value)
			if err != nil {
				panic(err)
			}
			args = append(args, text)
		}
		return matcher(e.Fun.(*ast.Ident).Name, args, r)
	}
	panic(fmt.Sprintf("unknown expression %T", expr))
}

func matcher(name string, args []string, r providertest.Request) bool {
	value := func(of map[string]string, key string) (string, bool) {
		text, ok := of[key]
		return text, ok
	}
	switch name {
	case "Path":
		return r.Path == args[0]
	case "PathPrefix":
		return strings.HasPrefix(r.Path, args[0])
	case "Method":
		return r.Method == strings.ToUpper(args[0])
	case "Header", "HeaderRegexp":
		text, ok := value(r.Headers, strings.ToLower(http.CanonicalHeaderKey(args[0])))
		return ok && (name == "Header" && text == args[1] || name == "HeaderRegexp" && regexp.MustCompile(args[1]).MatchString(text))
	case "Query", "QueryRegexp":
		text, ok := value(r.Query, args[0])
		return ok && (name == "Query" && text == args[1] || name == "QueryRegexp" && regexp.MustCompile(args[1]).MatchString(text))
	}
	panic("unknown matcher " + name)
}

func madeIngressRoute(d *providertest.Dice) *unstructured.Unstructured {
	route := providertest.Parse(ingressRouteHead + " []")
	var all []any
	for i := range 1 + d.Roll(4) {
		match := providertest.Choose(d, `PathPrefix("/")`, `PathPrefix("/api")`, `Path("/cart")`)
		match += providertest.Choose(d, "", ` && Header("X-Canary", "yes")`, ` && HeaderRegexp("x-tenant", "a+")`, ` || Method("POST")`, ` && !Query("v", "2")`)
		rule := object{"match": match, "services": madeServices(d, true)}
		if d.Roll(4) == 3 {
			rule["priority"] = int64(500 + 20*i)
		}
		// Two rules of one priority are the user's own riddle.
		if !slices.ContainsFunc(all, func(other any) bool { return priorityOf(other.(object)) == priorityOf(rule) }) {
			all = append(all, rule)
		}
	}
	_ = unstructured.SetNestedSlice(route.Object, all, "spec", "routes")
	return route
}

func madeServices(d *providertest.Dice, others bool) []any {
	var out []any
	for range 1 + d.Roll(3) {
		service := object{"name": providertest.Choose(d, "checkout", "cart", "legacy"), "port": int64(80 + d.Roll(2))}
		if others && d.Roll(5) == 4 {
			service["kind"] = "TraefikService"
		}
		if d.Roll(2) == 1 {
			service["weight"] = providertest.Choose[int64](d, 0, 1, 30, 99)
		}
		out = append(out, service)
	}
	return out
}

const traefikServiceHead = `
apiVersion: traefik.io/v1alpha1
kind: TraefikService
metadata: {name: shop, namespace: shop, generation: 3}
spec:
  weighted:`

var userTraefikServices = map[string]string{
	"one Service": traefikServiceHead + `
    services: [{name: checkout, port: 80}]`,
	"weights of its own": traefikServiceHead + `
    sticky: {cookie: {name: lb}}
    services: [{name: checkout, port: 80, weight: 3}, {name: cart, port: 80}, {name: tuned, kind: TraefikService, weight: 2}, {name: idle, port: 80, weight: 0}]`,
}

func traefikServices() plane {
	weighted := func(r *unstructured.Unstructured) object { return r.Object["spec"].(object)["weighted"].(object) }
	return plane{"traefikservice.traefik.io", providertest.Fixtures{
		Routes: routesOf(userTraefikServices), Requests: requests()[:1], Admit: admit, Best: trafficrouting.EvidenceWritten,
		Edits: map[string]func(*unstructured.Unstructured){
			"stickiness": func(r *unstructured.Unstructured) { weighted(r)["sticky"] = object{"cookie": object{"name": "other"}} },
			"something of every backend": func(r *unstructured.Unstructured) {
				for _, service := range weighted(r)["services"].([]any) {
					service.(object)["passHostHeader"] = false
				}
			},
		},
		Serve: func(live trafficrouting.Objects, _ providertest.Request) providertest.Shares {
			return roundRobin(live.Beside, weighted(live.Route)["services"], false, "")
		},
		Accept: func(live trafficrouting.Objects) trafficrouting.Objects { return live },
	}, func(d *providertest.Dice) *unstructured.Unstructured {
		route := providertest.Parse(traefikServiceHead + " {}")
		_ = unstructured.SetNestedSlice(route.Object, madeServices(d, true), "spec", "weighted", "services")
		return route
	}}
}
