package policies_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/trafficrouting/policies"
	"crossfade.io/crossfade/trafficrouting/providertest"
)

func TestUncovered(t *testing.T) {
	route := providertest.Parse(`{apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: {name: shop, namespace: shop}}`)
	const (
		ofService = `{apiVersion: gateway.nginx.org/v1alpha1, kind: UpstreamSettingsPolicy, metadata: {name: keep, namespace: shop}, spec: {targetRefs: [{group: core, kind: Service, name: other}, {group: "", kind: Service, name: checkout}]}}`
		ofAWS     = `{apiVersion: gateway.k8s.aws/v1beta1, kind: TargetGroupConfiguration, metadata: {name: checks, namespace: shop}, spec: {targetReference: {kind: Service, name: checkout}}}`
		ofOther   = `{apiVersion: networking.gke.io/v1, kind: GCPSessionAffinityPolicy, metadata: {name: other, namespace: shop}, spec: {targetRef: {group: "", kind: Service, name: other}}}`
		ofRule    = `{apiVersion: gateway.envoyproxy.io/v1alpha1, kind: SecurityPolicy, metadata: {name: login, namespace: shop}, spec: {targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: shop, sectionName: api}]}}`
		ofRoute   = `{apiVersion: gateway.envoyproxy.io/v1alpha1, kind: SecurityPolicy, metadata: {name: all, namespace: shop}, spec: {targetRef: {group: gateway.networking.k8s.io, kind: HTTPRoute, name: shop}}}`
		ofPods    = `{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {name: pods, namespace: shop}, spec: {selector: {matchLabels: {app: checkout}}}}`
	)
	for name, c := range map[string]struct {
		policies []string
		copies   bool
		want     string
	}{
		"none that matters": {[]string{ofOther, ofRoute, ofPods, ofRule}, false, ""},
		"of the Service": {
			[]string{ofService, ofPods, ofAWS},
			false,
			"TargetGroupConfiguration checks, UpstreamSettingsPolicy keep would not be in force for the canary Service of the Service that it names; attach it to the route or to pods instead, if its kind can be",
		},
		"of a rule that is copied": {
			[]string{ofRule, ofRoute},
			true,
			"SecurityPolicy login would not be in force for copies of the rule of HTTPRoute shop that it names, which match, mirror and stickiness take; attach it to the whole route, or take these out of the steps",
		},
	} {
		t.Run(name, func(t *testing.T) {
			var found []*unstructured.Unstructured
			for _, manifest := range c.policies {
				found = append(found, providertest.Parse(manifest))
			}
			require.Equal(t, c.want, policies.Uncovered(found, route, "shop", []string{"checkout"}, c.copies))
		})
	}
}
