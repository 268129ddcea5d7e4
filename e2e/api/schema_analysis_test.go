//go:build cluster

package api_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"crossfade.io/crossfade/apis/v1alpha1"
)

var templatesResource = v1alpha1.GroupVersion.WithResource("analysistemplates")

const goodTemplate = `apiVersion: crossfade.io/v1alpha1
kind: AnalysisTemplate
metadata: {name: checkout}
spec:
  args: [{name: job, default: checkout}, {name: most, type: Number}]
  source: {prometheus: {address: "http://prometheus.monitoring:9090", bearer: {name: metrics, key: token}, headers: [{name: X-Scope-OrgID, value: shop}]}}
  goldenSignals: {source: Traefik}
  metrics:
  - name: errors
    compare:
      canary: {requests: ['orders_total{job="{{args.job}}",arm="canary"}'], events: ['orders_total{job="{{args.job}}",arm="canary",ok="no"}']}
      stable: {requests: ['orders_total{job="{{args.job}}",arm="stable"}'], events: ['orders_total{job="{{args.job}}",arm="stable",ok="no"}']}
      margin: "1.2"
  - name: queue
    dryRun: true
    threshold: {query: 'sum(queue_length{job="{{args.job}}"})', success: "result < {{args.most}}", interval: 1m, count: 5}
`

// TestAnalysisTemplateIsRefused: a template that could not be asked gets one sentence that names the field and the mend.
func TestAnalysisTemplateIsRefused(t *testing.T) {
	client := installCRDs(t).Resource(templatesResource).Namespace(newNamespace(t))
	create := func(manifest string) error {
		_, err := client.Create(t.Context(), decoded(t, manifest), metav1.CreateOptions{FieldValidation: metav1.FieldValidationStrict})
		return err
	}
	require.NoError(t, create(goodTemplate))
	const address = `address: "http://prometheus.monitoring:9090"`
	for name, c := range map[string]struct{ from, to, want string }{
		"no source in the source":            {`{prometheus: {` + address + `, bearer: {name: metrics, key: token}, headers: [{name: X-Scope-OrgID, value: shop}]}}`, "{}", "spec.source"},
		"two sources":                        {"source: {", "source: {datadog: {keys: dd}, ", "spec.source"},
		"two ways to say who asks":           {"bearer:", "basic: user, bearer:", "must say at most one of bearer, basic and oauth2"},
		"a header of two values":             {"value: shop", "value: shop, secret: {name: a, key: b}", "must say value or secret, not both"},
		"counters of what has none":          {"prometheus: {" + address, "web: {" + address, "only a Prometheus has counters to compare; use threshold"},
		"a metric of two kinds":              {"dryRun: true", "dryRun: true\n    split: {canary: [a], stable: [b]}", "must say one of compare, latency, objective, split, threshold and goal"},
		"a metric of no kind":                {"dryRun: true\n    threshold: {query: 'sum(queue_length{job=\"{{args.job}}\"})', success: \"result < {{args.most}}\", interval: 1m, count: 5}", "dryRun: true", "must say one of compare"},
		"a threshold without a condition":    {`success: "result < {{args.most}}", `, "", "a threshold needs query, and success or failure"},
		"failing for want of traffic":        {"- name: errors", "- name: errors\n    noData: Fail", "use Fail with threshold alone"},
		"a margin that is no number":         {`margin: "1.2"`, `margin: "a little"`, "spec.metrics[0].compare.margin"},
		"a metric named twice":               {"name: queue", "name: errors", "Duplicate value"},
		"an argument's default with a quote": {"default: checkout", `default: 'a"b'`, "spec.args[0].default"},
		"nothing to measure":                 {goodTemplate[strings.Index(goodTemplate, "  goldenSignals"):], "", "spec: must say goldenSignals or metrics"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Contains(t, goodTemplate, c.from, "the case spoils nothing")
			require.ErrorContains(t, create(strings.Replace(goodTemplate, c.from, c.to, 1)), c.want)
		})
	}
}
