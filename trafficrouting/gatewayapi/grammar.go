package gatewayapi

import (
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"crossfade.io/crossfade/apis/v1alpha1"
)

// Group of all kinds of route here.
const Group = "gateway.networking.k8s.io"

// grammar is how a kind of route tells requests apart; in all else that matters here the kinds are alike.
type grammar struct {
	kind string
	// anything is the match of a rule that has none.
	anything object
	// calls: a match may name a service and a method of gRPC.
	calls bool
	// headers, methods and queryParams say what a match of ours can name. A kind without headers has one rule,
	// which takes all that comes to it.
	headers, methods, queryParams bool
}

// The kinds. An HTTPRoute's rule without matches takes the path prefix "/", which is the API's default; a GRPCRoute's
// takes every call. TCPRoute and TLSRoute have one rule in version v1, and share connections.
var (
	httpGrammar = grammar{
		kind: "HTTPRoute", headers: true, methods: true, queryParams: true,
		anything: object{"path": object{"type": "PathPrefix", "value": "/"}},
	}
	grpcGrammar = grammar{kind: "GRPCRoute", calls: true, headers: true}
	tcpGrammar  = grammar{kind: "TCPRoute"}
	tlsGrammar  = grammar{kind: "TLSRoute"}
)

func (g grammar) groupKind() schema.GroupKind { return schema.GroupKind{Group: Group, Kind: g.kind} }

// article is the kind with its indefinite article.
func (g grammar) article() string {
	if g.kind == httpGrammar.kind {
		return "an " + g.kind
	}
	return "a " + g.kind
}

// matchesOf returns a rule's matches.
func (g grammar) matchesOf(rule object) []object {
	if matches := objects(rule["matches"]); len(matches) > 0 {
		return matches
	}
	return []object{g.anything}
}

// refuses says what of a match this kind cannot tell apart, and the mend; empty means nothing.
func (g grammar) refuses(m v1alpha1.Match) string {
	switch {
	case !g.headers:
		return fmt.Sprintf("%s shares connections and cannot look into them; take match out of the step", g.article())
	case m.Method != nil && !g.methods:
		return fmt.Sprintf("%s cannot match by HTTP method; take method out of the match", g.article())
	case len(m.QueryParams) > 0 && !g.queryParams:
		return fmt.Sprintf("%s cannot match by query parameter; match by header", g.article())
	}
	return ""
}

// carries says why this kind cannot carry a part, as after it was copied from a route of another kind.
func (g grammar) carries(p part) error {
	for _, s := range p.Splits {
		for _, rule := range s.Rules {
			for _, m := range rule.AnyOf {
				if reason := g.refuses(m); reason != "" {
					return errors.New(reason)
				}
			}
		}
	}
	return nil
}
