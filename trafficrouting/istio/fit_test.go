package istio_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/utils/ptr"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/istio"
	"crossfade.io/crossfade/trafficrouting/providertest"
)

// TestRefused: what copies or proxies could not do is said before a Release begins.
func TestRefused(t *testing.T) {
	second := strings.Replace(policy, "name: checkout,", "name: another,", 1)
	passthrough := strings.Replace(policy, "tls: {mode: ISTIO_MUTUAL}", "loadBalancer: {simple: PASSTHROUGH}", 1)
	onePort := strings.Replace(policy, "tls: {mode: ISTIO_MUTUAL}", "portLevelSettings: [{port: {number: 80}, loadBalancer: {simple: PASSTHROUGH}}]", 1)
	ofSubset := strings.Replace(policy, "{simple: RANDOM}", "{simple: PASSTHROUGH}", 1)
	portOfSubset := strings.Replace(policy, "loadBalancer: {simple: RANDOM}", "portLevelSettings: [{port: {number: 80}, loadBalancer: {simple: PASSTHROUGH}}]", 1)
	const keeps = "VirtualService shop/shop: DestinationRule checkout has callers keep the address that they asked for (loadBalancer.simple: PASSTHROUGH), so that Service checkout cannot be split; use another load balancer"
	insiders := func(regex string) []trafficrouting.Split {
		return []trafficrouting.Split{providertest.ForStep(providertest.Checkout, v1alpha1.Step{
			Match: []v1alpha1.Match{{Headers: []v1alpha1.ValueMatch{{Name: "x-canary", Regex: ptr.To(regex)}}}},
		})}
	}
	labelled := func(key string, value v1alpha1.LabelValue) []trafficrouting.Split {
		return []trafficrouting.Split{providertest.ForStep(providertest.Checkout, v1alpha1.Step{
			Match: []v1alpha1.Match{{SourceLabels: map[string]v1alpha1.LabelValue{key: value}}},
		})}
	}
	for name, c := range map[string]struct {
		route  string
		beside []string
		splits []trafficrouting.Split
		says   string
	}{
		"no value of a label":           {userRoutes["one rule"], nil, labelled("app", "a b"), `split VirtualService shop/shop: match sourceLabels: "a b" is no value of label app: `},
		"no name of a label":            {userRoutes["one rule"], nil, labelled("-app", "a"), `split VirtualService shop/shop: match sourceLabels: "-app" is no name of a label: `},
		"a subset that nobody defines":  {subsets, nil, half, "VirtualService shop/shop: it sends to subset eu of Service checkout, which no DestinationRule for that Service in its namespace has; add it to one there"},
		"two DestinationRules":          {subsets, []string{policy, second}, half, "VirtualService shop/shop: DestinationRule another and checkout are both for Service checkout, and the older one counts, which copies cannot be told by; join them into one"},
		"callers keep their address":    {subsets, []string{passthrough}, half, keeps},
		"they do for a port":            {subsets, []string{onePort}, half, keeps},
		"they do for a subset":          {subsets, []string{ofSubset}, half, keeps},
		"they do for a subset's port":   {subsets, []string{portOfSubset}, half, keeps},
		"a match for a delegate":        {userRoutes["a delegate"], nil, insiders("yes"), "split VirtualService shop/shop: it has no hosts, so that others delegate to it, and Istio leaves out those of its rules whose match is at odds with theirs; take match, mirror and stickiness out"},
		"a long expression":             {userRoutes["one rule"], nil, insiders(strings.Repeat("a", 1021)), "split VirtualService shop/shop: match x-canary: as a regular expression it has 1025 characters and Istio admits 1024; shorten it"},
		"those without the header":      {httpHead + "\n  - {match: [{withoutHeaders: {x-canary: {}}}], route: [{destination: {host: checkout}}]}", nil, insiders("yes"), "split VirtualService shop/shop: no request can meet both the match and a rule that names Service checkout; change the match"},
		"a Service of several clusters": {strings.Replace(userRoutes["hosts in full"], "cluster.local", "clusterset.local", 1), nil, half, "VirtualService shop/shop: no rule names Service checkout; add it to a rule's route or take the route out of spec.routeRefs"},
	} {
		t.Run(name, func(t *testing.T) {
			user := trafficrouting.Objects{Route: stored(c.route)}
			for _, manifest := range c.beside {
				user.Beside = append(user.Beside, stored(manifest))
			}
			says := istio.New().Check(user, providertest.CheckoutOwner, c.splits)
			if strings.HasSuffix(c.says, ": ") { // what follows is Kubernetes'
				require.Greater(t, len(says), len(c.says))
				says = says[:len(c.says)]
			}
			require.Equal(t, c.says, says)
		})
	}
}

// TestMisfit: a version that would get nothing once it is all that there is does not begin.
func TestMisfit(t *testing.T) {
	service := providertest.Parse("{apiVersion: v1, kind: Service, metadata: {name: checkout, namespace: shop}, spec: {clusterIP: 10.0.0.1}}")
	headless := providertest.Parse("{apiVersion: v1, kind: Service, metadata: {name: checkout, namespace: shop}, spec: {clusterIP: None}}")
	other := providertest.Parse("{apiVersion: v1, kind: Service, metadata: {name: other, namespace: shop}, spec: {clusterIP: None}}")
	user := withPolicy()
	require.Equal(t, "subset us of Service checkout picks pods by label region=us, which the new template does not have; pick by labels that all versions have",
		istio.New().Misfit(user, service, map[string]string{"region": "eu"}))
	one := withPolicy()
	one.Beside[0].Object["spec"].(object)["subsets"] = []any{object{"name": "eu", "labels": object{"app": "checkout"}}, object{"name": "us"}}
	require.Empty(t, istio.New().Misfit(one, service, map[string]string{"app": "checkout"}))
	require.Contains(t, istio.New().Misfit(one, headless, map[string]string{"app": "checkout"}), "Service checkout is headless")
	require.Empty(t, istio.New().Misfit(one, other, nil), "nothing is sent there")
	one.Route.Object["spec"].(object)["gateways"] = []any{"web"}
	require.Empty(t, istio.New().Misfit(one, headless, map[string]string{"app": "checkout"}), "gateways choose by themselves")
}
