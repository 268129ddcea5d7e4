package gatewayapi_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/gatewayapi"
	"crossfade.io/crossfade/trafficrouting/providertest"
)

// TestAppliedManifestCounts: a manifest that is applied meanwhile says what the user wants, whatever weights look like those that were written.
func TestAppliedManifestCounts(t *testing.T) {
	for name, c := range map[string]struct {
		before, applied string
		canary          int32
	}{
		"half as much, at the step of half": {
			`[{backendRefs: [{name: checkout, port: 80, weight: 20}, {name: legacy, port: 80, weight: 80}]}]`,
			`[{backendRefs: [{name: checkout, port: 80, weight: 10}, {name: legacy, port: 80, weight: 90}]}]`, 500_000,
		},
		"nothing more, while the canary has all": {
			`[{backendRefs: [{name: checkout, port: 80, weight: 1}, {name: legacy, port: 80, weight: 3}]}]`,
			`[{backendRefs: [{name: checkout, port: 80, weight: 0}, {name: legacy, port: 80, weight: 3}]}]`, trafficrouting.Whole,
		},
		"nothing more, and all to another": {
			`[{backendRefs: [{name: checkout, port: 80, weight: 90}, {name: legacy, port: 80, weight: 10}]}]`,
			`[{backendRefs: [{name: checkout, port: 80, weight: 0}, {name: legacy, port: 80, weight: 100}]}]`, trafficrouting.Whole,
		},
		"exact": {
			`[{backendRefs: [{name: checkout, port: 80, weight: 90}, {name: legacy, port: 80, weight: 10}]}]`,
			`[{backendRefs: [{name: checkout, port: 80, weight: 0}, {name: legacy, port: 80, weight: 10}]}]`, trafficrouting.Whole,
		},
	} {
		t.Run(name, func(t *testing.T) {
			user := stored(userRoutes["one rule"])
			setRules(t, user, c.before)
			live := render(t, user, providertest.CheckoutOwner, trafficrouting.Between("checkout", c.canary))
			applied := user.DeepCopy()
			setRules(t, applied, c.applied)
			written := applied.DeepCopy()
			written.SetAnnotations(live.GetAnnotations()) // kubectl apply leaves annotations of others alone
			guarded, err := gatewayapi.HTTPRoute().Guard(trafficrouting.Objects{Route: live}, trafficrouting.Objects{Route: written})
			require.NoError(t, err)
			providertest.SameJSON(t, applied, strip(t, guarded.Route, providertest.CheckoutOwner))
		})
	}
}
