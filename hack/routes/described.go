package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/generic"
)

const folder = "charts/crossfade/files/routekinds/"

// shipped are the descriptions that come with Crossfade, with where releases by them were seen to lose no request.
var shipped = []struct{ name, shown string }{
	{"ingressroute.traefik.io", "Traefik"},
	{"traefikservice.traefik.io", "Traefik"},
	{"httpproxy.projectcontour.io", "the CRD's schema and a model of the controller alone"},
}

// rows are those of the table of described kinds, each as its description says.
func rows() (string, error) {
	var out strings.Builder
	for _, of := range shipped {
		text, err := os.ReadFile(filepath.Clean(folder + of.name + ".yaml"))
		if err != nil {
			return "", err
		}
		var kind v1alpha1.RouteKind
		if err := yaml.UnmarshalStrict(text, &kind); err != nil {
			return "", fmt.Errorf("read RouteKind %s: %w", of.name, err)
		}
		provider, err := generic.New(kind.Spec)
		if err != nil {
			return "", fmt.Errorf("use RouteKind %s: %w", of.name, err)
		}
		can, evidence := provider.Capabilities(trafficrouting.Objects{}), "none: its status says nothing of it"
		if kind.Spec.Accepted != "" {
			evidence = "what `spec.accepted` reads in its status"
		}
		altered := alters(can)
		if kind.Spec.Mirror != nil && kind.Spec.Mirror.FlagField != "" {
			altered += ", of all requests"
		}
		fmt.Fprintf(&out, "| [%s](../%s%s.yaml) | %s | requests | %s | %s | %s | %s | %s |\n",
			kind.Spec.Kind, folder, of.name, kind.Spec.Group, trafficrouting.Percent(can.Granularity), matches(can), altered, evidence, of.shown)
	}
	return out.String(), nil
}

const describedHead = `
## Kinds that are described
A kind of another group can be described by an object, a **RouteKind**, and then named in ` + "`spec.routeRefs`" + ` as the others
are. It comes and goes without a restart. A Release keeps the descriptions that it began with, so that one that is changed,
broken or deleted counts from the next Release on; a Rollout whose kind has none is ` + "`Stalled`" + ` and says so. These come with
Crossfade:

| Kind | Group | Shares | Smallest share | Match | Alters | Evidence | Shown on |
|---|---|---|---|---|---|---|---|
`

const describedFoot = `
Two things make one of use. The controller has to be permitted to read and patch the kind, and to make the objects through
which the kind mirrors, if any, and its webhook to be asked about updates, which the chart's value ` + "`routeKinds`" + ` does; and
the description has to be applied:
` + "```" + `
helm upgrade crossfade charts/crossfade --reuse-values \
  --set-json 'routeKinds=[{"group":"traefik.io","resources":["ingressroutes","traefikservices"],"objects":["traefikservices"]}]'
kubectl apply --server-side -f charts/crossfade/files/routekinds/ingressroute.traefik.io.yaml
` + "```" + `
Routes of described kinds are guarded as all others are, by the description that their Release keeps. Who writes a Rollout
must be allowed to ` + "`update`" + ` its routes, by the kind's plural in English.

**To write one**, answer these questions of the kind ([RouteKind](api.md#routekind) has every field):
1. Which field of ` + "`spec`" + ` holds its rules (` + "`rules`" + `), and which field of a rule its backends (` + "`backends`" + `)?
2. Which Service of the namespace does a backend send to? ` + "`backends.service`" + ` gives its name, and "" for all else, such as a
   backend of another kind, in another namespace, or that only gets copies of requests.
3. What does a weight mean that is missing (` + "`weight.absent`" + `), and is a rule dropped while one of its backends has no
   endpoints (` + "`mustServe`" + `)?
4. How does a rule say which requests it takes? ` + "`match.joined`" + ` gives the value of that field for the requests that meet ours
   as well; leave ` + "`match`" + ` out, and steps have weights alone. A copy is known by this value, as such rules have no names.
5. Which rule takes a request that several match: the first (say nothing), the one with the highest number
   (` + "`match.priority`" + `), or the one that says most (` + "`match.specificity`" + `)? A step is refused whose copy of a rule would come
   before another rule that came first.
6. How do copies of requests get to a backend whose answers nobody gets (` + "`mirror`" + `)? Either a backend of the rule has a flag,
   and the rule is mirrored in place; or requests go through an object that says who answers and who gets copies. Crossfade
   makes it for a copy of the rule: of the route's group and namespace, with nothing in it but the rule's own backend and the
   same for the canary Service. It is owned by the Service, and removed with the canary Service. While it isn't there yet, as after
   an edit of the rule, the data plane must leave the copy out, so that your own rule takes the requests: describe no mirror
   where one answers with an error instead.
7. Does its status tell that the controller has accepted the present generation (` + "`accepted`" + `)?

` + "`kubectl get routekinds`" + ` shows whether all expressions can be compiled, and what is wrong with the first that cannot. An
expression has the functions of Kubernetes' own CEL and an upper bound on what it may cost. Headers are not described, so that ` + "`requestHeaders`" + ` and
` + "`stickiness`" + ` are refused, and whole percent of the requests are mirrored.

**IngressRoute**: rules of one priority must be apart, as Traefik's own choice among them is arbitrary; those of other
IngressRoutes are not looked at, so give a host to one, or keep priorities apart. With Traefik's default a rule is dropped
while a Service of it has no endpoints, so a canary that loses all its pods takes the rule along until Crossfade has led
requests back; ` + "`allowEmptyServices`" + ` keeps that to the canary's share. A mirror is a TraefikService
` + "`<service>-canary-mirror-<hash>`" + ` to which copies of the rules send: they are dropped while the canary has no pods, and your own
rules, right behind them, take all requests. The controller has to be permitted to read TraefikServices whether a step mirrors
or not. Traefik keeps the body of a request in memory until its copy is sent. Shown on
Traefik: of 20% of the requests copies came, none by another method than the step says; no answer to a copy was seen, and no
request lost, also while the canary had no pods that are ready. **HTTPProxy**: a mirror is of ` + "`requests: All`" + `, as Contour tells no methods and takes one rule for the same
requests; it was shown on the CRD's schema and a model alone. One
that others include is split as if it stood alone; leave ` + "`match`" + ` out of its steps where one that includes it has conditions on the same names.
`
