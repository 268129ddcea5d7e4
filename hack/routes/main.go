// Command routes prints docs/providers.md: what each kind of route can do, by its own word.
package main

import (
	"cmp"
	"fmt"
	"os"
	"strings"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/policies"
	"crossfade.io/crossfade/trafficrouting/providers"
)

const head = `<!-- Rendered from trafficrouting/providers; do not edit. -->
# Kinds of route
What a route can carry is asked before a Release may start: a step that needs more leaves the Rollout ` + "`Stalled`" + ` with
` + "`RouteUnsupported`" + `, the step and the reason. Several routes of several kinds may stand in ` + "`spec.routeRefs`" + `; they go
up together, when the step is in effect by all, and back each by itself: one that nobody can write, as while a webhook is down, holds
no other one up.

`

var foot = `
**Match** is what a step's ` + "`match`" + ` may name; each may go with a weight. **Alters** is what else can be done, where the
gateway can ([below](#headers-users-who-are-kept-mirrors)).

**Shares** are exact: weights are multiplied until each is whole. Where a route shares connections, one that is open
stays where it is until it ends, so the measured share follows slowly; set ` + "`timing.drain`" + ` to how long they last.

**Evidence** is what Crossfade waits for before it acts on a change, then it waits for ` + "`timing.settle`" + `. HTTPRoutes,
VirtualServices and Ingresses can have [probes](probes.md) beside: requests that are seen to follow the split. Where the
route tells nothing, switch them on there. They were shown through Traefik.

## Gateway API
The user's route is split in place. A cookie is matched by a regular expression on its header. Methods and query parameters
are extended in Gateway API: a step that matches by one is refused where the GatewayClass of one of the route's Gateways
publishes its ` + "`status.supportedFeatures`" + ` without ` + "`HTTPRouteMethodMatching` or `HTTPRouteQueryParamMatching`" + `, and goes ahead
where nothing is published, as by a mesh, or by a class that names no features. That is looked at when the Rollout is checked
and before each release. Whether a gateway follows regular expressions and weights of connections is its own matter
(they are implementation-specific), and nothing tells.

Of the entries of the route's status those count that are of its present ` + "`parentRefs`" + `. What a controller that was uninstalled
has left there of another parent, or of a Gateway that has another controller now, is ignored. A parent without any entry isn't
waited for, as it may be one that nobody serves.

A route whose parent is a Service, which a mesh follows, is split as one of a gateway is; shown with istiod and callers that
follow it by themselves.

## Single rules of a route
` + "`routeRefs[].rules`" + ` names the rules of an HTTPRoute, a GRPCRoute or the ` + "`http`" + ` of a VirtualService that are split; empty
means all that name a Service of the Rollout:
` + "```yaml" + `
routeRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: shop, rules: [api, checkout]}]
` + "```" + `
The other rules stay as they are, and send to the user's Service, which is pinned during a release: they get stable until the
promotion and then the new version at once, as callers of the ClusterIP do, so choose those by which a bad version would be
noticed first. A name that no rule has, or that of a rule of other Services, is refused before anything is touched. A
rule that is given another name in the middle of a release is the user's own again from then on; once none of the chosen ones
is left the release goes back, and the guard refuses an update that would come to that. Probes have to send what a
chosen rule takes. Shown on Traefik with an HTTPRoute, for the others by the same laws on their schema.

## Authentication
A copy of a rule has all that the rule has but its name and its match, filters of other groups (` + "`ExtensionRef`" + `), timeouts and
an IngressRoute's middlewares among it, so that a rule which asks for a password, or refuses some requests, does so for the
canary's too. A canary Ingress is asked for a password by the user's Ingress. Shown on Traefik with
an HTTPRoute, an IngressRoute and an Ingress, by requests without a password at every moment of a release: none got through.
Where something stands in a policy that names a rule instead, see below.

A step with a match, a mirror or stickiness is refused where a copy would take requests from another rule of an HTTPRoute, and
let them past what that one asks for; both rules are named. Traefik adds up all that a rule and its hostnames ask for: 100 for
each character of the path and each header, 1000 for a method. A copy may then weigh more than a rule with a longer path, or
than a route with a longer hostname. A GatewayClass that can't be read may be Traefik's. In the API's own order a copy may come
before rules of a younger HTTPRoute with the same hostname and path. Other HTTPRoutes are looked at where they are attached to
the same listener, on Traefik to the same port, of one of the route's Gateways, to the same ListenerSet, or to the same port of a
Service in a mesh, when the Rollout is checked and before each release, as they were at most 10 s before. A version that was
stable before is not held by them: it comes back without match, mirror and stickiness. Not looked at: those that are attached in
the middle of a release, routes of other Gateways and of other kinds, and other GRPCRoutes.

## Routes of other namespaces
` + "`routeRefs[].namespace`" + ` names a route of Gateway API or a VirtualService that is in another namespace than the Rollout and
its Services, as where a platform team keeps routes beside their gateway:
` + "```yaml" + `
routeRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: edge, name: shop}]
` + "```" + `
Its backends name the Services with the Rollout's namespace: ` + "`namespace: shop`, or the host `checkout.shop.svc.cluster.local`" + `.
Rollouts of several namespaces may share one route, also if they have the same name. The author of the Rollout must be allowed
to update the route there. For routes of Gateway API a ReferenceGrant of the Services' namespace must permit the route's kind
and namespace to send to Services; one that lists Services by name has to list each canary Service too:
` + "```yaml" + `
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: {name: edge, namespace: shop}
spec:
  from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: edge}]
  to: [{group: "", kind: Service, name: checkout}, {group: "", kind: Service, name: checkout-canary}]
` + "```" + `
Without it the Rollout is refused, with the Service that is missing. That is looked at as features are; if it is taken away
in the middle of a release, the route's status says so and the release waits, then goes back at its deadline. Policies
stay, and are copied, beside the Services. While a release is under way Crossfade watches the route's namespace as it does the
Rollout's. An Ingress can name no Service of another namespace. Shown on Traefik with an HTTPRoute, for the others by the
same laws on their schema.

## Policies
What is said of the user's Service by name does not hold for the canary Service by itself. So these are **copied**, for routes
of Gateway API and the first one for VirtualServices too: Istio's DestinationRule, GKE's GCPBackendPolicy and HealthCheckPolicy,
these three where their controllers serve the route, BackendTLSPolicy and XBackendTrafficPolicy. A copy is called
` + "`<service>-canary-<name>`" + `, names the canary Service alone, is made before anything is sent there, kept in step with the
original until the route is yours again, owned by the Service and removed with its canary Service; the original is never
written. Two of a kind for one Service and port are refused: the older one counts, which copies can't be told by.

Others **refuse the Rollout**, and each release before it begins, by name where they are attached to one of its Services, or to
a rule of a route by its name while a match, a mirror or stickiness makes copies of it, which have other names:
` + uncopied() + `

Not looked at: policies of other namespaces, those that choose by labels, other kinds, those of the last list that come in the
middle of a release, and kinds whose CRD was installed less than a minute ago. BackendTLSPolicy was shown on Traefik and
DestinationRule with istiod, the others on their schema at most.

## VirtualService
The user's VirtualService is split in place, its rules of http, tls and tcp. A copy of a rule stands right before it, with its
timeout, retries, rewrite, CORS policy, fault and mirrors; as the first rule that matches decides, it takes nothing of
another's. Callers are told by ` + "`match[].sourceLabels`" + ` as well, by labels of their pods, which a gateway has too; beside those
that a rule asks for itself, but not of a rule whose match names gateways, beside which Istio looks at no labels; shown with istiod and
callers that follow it by themselves. A VirtualService without hosts, to which
another one delegates, is split by weights: name the one without hosts. Shown with istiod, the other one in another namespace.

The canary Service has a host of its own, so what a **DestinationRule** of the namespace says of the Service's host (TLS, load
balancing, outlier detection, subsets) is copied for it. Subsets of the copy pick all its pods, which are of one version. What
copies or proxies could not do is refused with the reason: several DestinationRules for the Service, a subset that none of them
has or that the new template's labels would leave empty, ` + "`PASSTHROUGH`" + ` of the rule, a port or a subset, a headless Service that callers in the mesh reach,
and a match, a mirror or stickiness on a VirtualService that others delegate to.

Not looked at, and to be looked after by whoever uses them: DestinationRules of other namespaces, and EnvoyFilters that go by
the name of a route or a cluster. Shown with callers that follow istiod by themselves; sidecars and ambient read the same
configuration, but no Envoy was run.

**In effect** a VirtualService is when it was written and ` + "`timing.settle`" + `, 15 s, is over; [probes](probes.md) of a gateway tell
more. istiod's sync state was looked into for that, at version 1.31, and can't take the place of the 15 s: it says which answer
of istiod a proxy has acknowledged, and nothing says which VirtualServices were in that answer.
- Until istiod has gathered changes (0.1 s to 10 s), ` + "`istioctl proxy-status`" + ` calls all proxies ` + "`SYNCED`" + `, to what was before. What
  istiod has read of the API server (` + "`/debug/configz`" + `) is not yet what it sends.
- Each answer has a number. It is that of a state of istiod, which takes over the VirtualServices of the state before unless a
  change of one is why it was made; no page and no metric tells the ` + "`resourceVersion`" + ` of those that are in it.
- A proxy whose Sidecar leaves the VirtualService out is sent nothing, and looks like one whose turn is yet to come.
- ` + "`/debug/config_dump`" + ` tells what a proxy is to have, not what it has, and is no page to ask again and again: asked while a change
  is on its way, istiod was seen to keep the old routes that it made for the page, and to send these to proxies, all ` + "`SYNCED`" + `.

Where istiod's ` + "`PILOT_DEBOUNCE_MAX`" + ` is above 10 s, or proxies take long to follow (` + "`pilot_proxy_convergence_time`" + `), set
` + "`timing.settle`" + ` to more.

## Ingress
The user's Ingress is never written. A canary Ingress beside it, ` + "`<service>-canary-<class>`" + `, has the rules of **all**
Ingresses of the class that use the Service, since ingress-nginx and Traefik split whatever goes to a Service, whichever
rules a canary has. It is made with the first share, deleted when everything goes back, and owned by the Service.
` + "```yaml" + `
routeRefs: [{group: networking.k8s.io, kind: Ingress, name: checkout, flavor: Traefik}]
` + "```" + `

` + "`flavor`" + ` must say which controller serves the class, as the same annotations mean different things to each:
- **IngressNginx**: names of headers have letters, digits and dashes; its expressions admit no other characters than
  letters, digits and ` + "`-._~/:^$[](){}*+?|&=\\`" + `. Requests that came by session affinity stay where they were until the end.
- **Traefik**: by its provider ` + "`kubernetesIngressNGINX`" + `. It takes the rule with the longest text, so that a match on a general
  path would take requests from a special one of another Service. A step that would is refused for what the namespace has
  when a Release begins, and loses its match, and so its Release, if such a rule comes later. Rules of other namespaces for
  the same host are not seen: give such a host to one namespace, or use weights alone.
- **Higress**: counts whole percent, and weights alone. The route of a match would be named after the canary Ingress, so
  that plugins which are bound to the Ingress by its name, authentication among them, would not see its requests.

To the others a cookie can only say ` + "`always`" + `; with ` + "`never`" + ` they keep a request on stable whatever the weight.
`

func main() {
	var out strings.Builder
	out.WriteString(head)
	out.WriteString("| Kind | Flavor | Group | Shares | Smallest share | Match | Alters | Other namespaces | Evidence | Shown on |\n|---|---|---|---|---|---|---|---|---|---|\n")
	for _, listed := range providers.List() {
		for _, flavor := range listed.Flavors {
			can := listed.Make(v1alpha1.RouteRef{Flavor: &flavor.Name}).Capabilities(trafficrouting.Objects{})
			fmt.Fprintf(&out, "| %s | %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", listed.Kind.Kind, cmp.Or(string(flavor.Name), "–"), listed.Kind.Group,
				listed.Shares, trafficrouting.Percent(can.Granularity), matches(can), alters(can), elsewhere(listed), listed.Evidence, flavor.Shown)
		}
	}
	out.WriteString(foot)
	out.WriteString(alterations)
	described, err := rows()
	if err != nil {
		fmt.Fprintln(os.Stderr, "routes:", err)
		os.Exit(1)
	}
	out.WriteString(describedHead + described + describedFoot)
	if _, err := os.Stdout.WriteString(out.String()); err != nil {
		os.Exit(1)
	}
}

// elsewhere says whether a route may be in another namespace than its Services.
func elsewhere(listed providers.Entry) string {
	if listed.Kind.Kind == "Ingress" {
		return "no"
	}
	return "yes"
}

// uncopied lists the kinds of policy that are looked for and not copied.
func uncopied() string {
	of, groups := map[string][]string{}, []string{}
	for _, kind := range policies.Uncopied {
		if of[kind.Group] == nil {
			groups = append(groups, kind.Group)
		}
		of[kind.Group] = append(of[kind.Group], kind.Kind)
	}
	var lines []string
	for _, group := range groups {
		lines = append(lines, "- "+group+": "+strings.Join(of[group], ", "))
	}
	return strings.Join(lines, "\n")
}

// matches lists what a match may name.
func matches(can trafficrouting.Capabilities) string {
	var names []string
	for _, able := range []struct {
		can  bool
		name string
	}{
		{can.HeaderExact, "header"},
		{can.HeaderRegex, "header by regex"},
		{can.Cookie && can.OnlyCookie == "", "cookie"},
		{can.Cookie && can.OnlyCookie != "", "cookie that says `" + can.OnlyCookie + "`"},
		{can.QueryExact, "query parameter"},
		{can.QueryRegex, "query parameter by regex"},
		{can.Method, "HTTP method"},
		{can.SourceLabels, "labels of the caller"},
	} {
		if able.can {
			names = append(names, able.name)
		}
	}
	if len(names) == 0 {
		return "–"
	}
	text := strings.Join(names, ", ")
	if can.OneCondition {
		text += "; one of these at a time"
	}
	if can.OneOfEach {
		text += ", one of each in a step"
	}
	return text
}
