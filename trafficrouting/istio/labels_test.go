package istio_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/istio"
	"crossfade.io/crossfade/trafficrouting/providertest"
)

// TestLabelsBesideGateways: Istio looks at no labels of callers where a match names gateways, so that all of them would get the canary.
func TestLabelsBesideGateways(t *testing.T) {
	user := trafficrouting.Objects{Route: stored(httpHead + `
  - match: [{gateways: [mesh], uri: {prefix: /}}]
    route: [{destination: {host: checkout}}]`)}
	s := []trafficrouting.Split{providertest.ForStep("checkout", v1alpha1.Step{Match: []v1alpha1.Match{{SourceLabels: map[string]v1alpha1.LabelValue{"app": "web"}}}})}
	require.Contains(t, istio.New().Check(user, providertest.CheckoutOwner, s), "gateways")
}
