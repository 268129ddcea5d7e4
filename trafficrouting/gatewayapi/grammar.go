package gatewayapi

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting/rules"
)

// Group of all kinds of route here.
const Group = "gateway.networking.k8s.io"

// grammar is how a kind of route tells requests apart; in all else that matters here the kinds are alike.
type grammar struct {
	kind string
	// anything is the match of a rule that has none.
	anything rules.Object
	// calls: a match may name a service and a method of gRPC.
	calls bool
	// headers, methods and queryParams say what a match of ours can name. A kind without headers has one rule,
	// which takes all that comes to it.
	headers, methods, queryParams bool
	// weighs: headers can be changed for one backend of several, and requests mirrored, where the gateway's class says so.
	// Of calls the API leaves that to each gateway, and no feature tells.
	weighs bool
}

// The kinds. An HTTPRoute's rule without matches takes the path prefix "/", which is the API's default; a GRPCRoute's
// takes every call. TCPRoute and TLSRoute have one rule in version v1, and share connections.
var (
	httpGrammar = grammar{
		kind: "HTTPRoute", headers: true, methods: true, queryParams: true, weighs: true,
		anything: rules.Object{"path": rules.Object{"type": "PathPrefix", "value": "/"}},
	}
	grpcGrammar = grammar{kind: "GRPCRoute", calls: true, headers: true}
	tcpGrammar  = grammar{kind: "TCPRoute"}
	tlsGrammar  = grammar{kind: "TLSRoute"}
)

var _ rules.Dialect = grammar{}

// maxWeight is the largest weight that the API admits (BackendRef.weight).
const maxWeight int64 = 1_000_000

// maxRefs is how many backendRefs a rule can have.
const maxRefs = 16

var lists = []rules.List{{Field: "rules", Refs: "backendRefs", Matches: "matches"}}

// Format says what is written where.
func (g grammar) Format() rules.Format {
	return rules.Format{
		GroupKind: schema.GroupKind{Group: Group, Kind: g.kind},
		Lists:     lists,
		Anything:  g.anything,
		MaxWeight: maxWeight, MaxRefs: maxRefs, MaxRules: maxRules,
	}
}

// Refuses says what of a match this kind cannot tell apart, and the mend; empty means nothing.
func (g grammar) Refuses(m v1alpha1.Match) string {
	article := rules.Route{Dialect: g}.Article()
	switch {
	case !g.headers:
		return article + " shares connections and cannot look into them; take match out of the step"
	case len(m.SourceLabels) > 0:
		return article + " cannot match by labels of the caller; take sourceLabels out of the match"
	case m.Method != nil && !g.methods:
		return article + " cannot match by HTTP method; take method out of the match"
	case len(m.QueryParams) > 0 && !g.queryParams:
		return article + " cannot match by query parameter; match by header"
	}
	return tooLong(m)
}

// Service returns the Service that a backendRef names. Group "" and kind Service are the defaults of the API, and the
// route's namespace is (BackendObjectReference).
func (grammar) Service(ref rules.Object, namespace string) (string, bool) {
	name, _ := ref["name"].(string)
	group, _ := ref["group"].(string)
	kind, ok := ref["kind"].(string)
	if !ok {
		kind = "Service"
	}
	if in, _ := ref["namespace"].(string); in != "" && in != namespace && name != "" {
		name = in + "/" + name
	}
	return name, group == "" && kind == "Service" && name != ""
}

// Renamed returns a copy of a backendRef under this name.
func (grammar) Renamed(ref rules.Object, service string) rules.Object {
	out := rules.Shallow(ref)
	out["name"] = service
	return out
}

// Key tells a backendRef from the others of its rule, such as "checkout:8080".
func (g grammar) Key(ref rules.Object, namespace string) string {
	port, _ := rules.Integer(ref["port"])
	if name, ok := g.Service(ref, namespace); ok && !strings.Contains(name, "/") {
		return fmt.Sprintf("%s:%d", name, port)
	}
	return fmt.Sprintf("%v.%v/%v/%v:%d", ref["kind"], ref["group"], ref["namespace"], ref["name"], port)
}

// Copied returns the backends of the filters RequestMirror of a rule and of its backendRefs.
func (grammar) Copied(rule rules.Object) []rules.Object {
	filters := rules.Objects(rule["filters"])
	for _, ref := range rules.Objects(rule["backendRefs"]) {
		filters = append(filters, rules.Objects(ref["filters"])...)
	}
	var out []rules.Object
	for _, filter := range filters {
		mirror, _ := filter["requestMirror"].(rules.Object)
		if ref, ok := mirror["backendRef"].(rules.Object); ok {
			out = append(out, ref)
		}
	}
	return out
}
