package arguments_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/controllers/analyst/arguments"
)

func template(t *testing.T, text string) v1alpha1.AnalysisTemplateSpec {
	t.Helper()
	var spec v1alpha1.AnalysisTemplateSpec
	require.NoError(t, yaml.UnmarshalStrict([]byte(text), &spec))
	return spec
}

func give(pairs ...string) (out []v1alpha1.Argument) {
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, v1alpha1.Argument{Name: pairs[i], Value: v1alpha1.ArgumentValue(pairs[i+1])})
	}
	return out
}

var facts = map[string]string{"namespace": "shop", "canaryHash": "7d9f", "weight": "5"}

func TestExpand(t *testing.T) {
	spec := template(t, `
args: [{name: job}, {name: most, type: Number, default: "0.5"}, {name: window, type: Duration, default: 5m}]
source:
  web:
    address: "https://metrics.example.com/{{ release.namespace }}/{{args.job}}"
    method: POST
    body: '{"hash": "{{release.canaryHash}}"}'
    bearer: {name: "{{args.job}}", key: "{{args.job}}"}
    headers: [{name: "X-{{args.job}}", value: "{{args.job}}-{{args.job}}"}]
metrics:
- name: "{{args.job}}"
  threshold: {query: 'x{job="{{args.job}}",by={{{args.most}}}}[{{args.window}}] and {service:{{args.job}}}', success: "result < {{args.most}}", failure: "result > {{release.weight}}"}
`)
	before, err := json.Marshal(spec)
	require.NoError(t, err)
	out, err := arguments.Expand(spec, give("job", "check-out"), facts)
	require.NoError(t, err)

	t.Run("what is asked and compared is filled in", func(t *testing.T) {
		require.Equal(t, "https://metrics.example.com/shop/check-out", out.Source.Web.Address)
		require.JSONEq(t, `{"hash": "7d9f"}`, out.Source.Web.Body)
		require.Equal(t, "check-out-check-out", *out.Source.Web.Headers[0].Value)
		threshold := out.Metrics[0].Threshold
		require.Equal(t, `x{job="check-out",by={0.5}}[5m] and {service:check-out}`, string(*threshold.Query))
		require.Equal(t, "result < 0.5", string(threshold.Success))
		require.Equal(t, "result > 5", string(threshold.Failure))
	})
	t.Run("names stay", func(t *testing.T) {
		require.Equal(t, spec.Source.Web.Bearer, out.Source.Web.Bearer)
		require.Equal(t, "X-{{args.job}}", out.Source.Web.Headers[0].Name)
		require.Equal(t, spec.Metrics[0].Name, out.Metrics[0].Name)
		require.Equal(t, spec.Args, out.Args)
	})
	t.Run("the template stays as it is", func(t *testing.T) {
		after, err := json.Marshal(spec)
		require.NoError(t, err)
		require.JSONEq(t, string(before), string(after))
	})
}

func TestExpandJob(t *testing.T) {
	spec := template(t, `
args: [{name: image}]
source:
  job:
    spec: {backoffLimit: 9007199254740993, template: {spec: {containers: [{name: "{{args.image}}", args: ["{{.Own}}", "{{own}}", "--hash={{release.canaryHash}}"]}]}}}
metrics: [{name: load, threshold: {}}]
`)
	out, err := arguments.Expand(spec, give("image", "load"), facts)
	require.NoError(t, err)
	require.JSONEq(t, `{"backoffLimit": 9007199254740993, "template": {"spec": {"containers": [{"name": "load", "args": ["{{.Own}}", "{{own}}", "--hash=7d9f"]}]}}}`,
		string(out.Source.Job.Spec.Raw))
	require.Contains(t, string(out.Source.Job.Spec.Raw), "9007199254740993", "a float would round it")
}

func TestExpandRefuses(t *testing.T) {
	const good = `
args: [{name: job}, {name: count, type: Integer, default: "3"}, {name: most, type: Number, default: "-1.5e3"}, {name: window, type: Duration, default: 1h30m}]
metrics: [{name: a, threshold: {query: "{{args.job}}", success: "true"}}]
`
	require.NoError(t, arguments.Check(template(t, good), give("job", "a")))
	for name, c := range map[string]struct {
		from, to string
		given    []v1alpha1.Argument
		want     string
	}{
		"no value":                  {given: give(), want: "argument job has no value; give one, or give the template a default"},
		"an argument that is none":  {given: give("job", "a", "x", "b"), want: "the template has no argument x; leave it out, or use job, count, most, window"},
		"a wrong integer":           {given: give("job", "a", "count", "1.5"), want: `argument count is "1.5", which is no Integer; give a whole number, such as 5`},
		"a wrong number":            {given: give("job", "a", "most", "NaN"), want: `argument most is "NaN", which is no Number; give a number, such as 0.5`},
		"a number without end":      {given: give("job", "a", "most", "1e999"), want: "which is no Number"},
		"a number in base 16":       {given: give("job", "a", "most", "0x1p2"), want: "which is no Number"},
		"a wrong duration":          {given: give("job", "a", "window", "5"), want: `argument window is "5", which is no Duration; give whole numbers with units, such as 90s or 1h30m`},
		"a default of no such type": {from: `"3"`, to: `"three"`, given: give("job", "a"), want: `argument count is "three"`},
		"an unknown argument":       {from: "{{args.job}}", to: "{{args.jobs}}", given: give("job", "a"), want: "{{args.jobs}} is no argument of the template; add it to spec.args, or correct it"},
		"an unknown fact":           {from: "{{args.job}}", to: "{{release.hash}}", given: give("job", "a"), want: "{{release.hash}} is no fact of a Release; use one of namespace, rollout,"},
		"a slot of no kind":         {from: "{{args.job}}", to: "{{ job }}", given: give("job", "a"), want: "{{job}} stands for nothing; write {{args.NAME}} or {{release.NAME}}"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Contains(t, good, c.from)
			err := arguments.Check(template(t, strings.Replace(good, c.from, c.to, 1)), c.given)
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "\n")
		})
	}
	t.Run("a fact that this Release has not", func(t *testing.T) {
		_, err := arguments.Expand(template(t, strings.Replace(good, "args.job", "release.step", 1)), give("job", "a"), facts)
		require.ErrorContains(t, err, "{{release.step}} is not known of this Release")
	})
}

// TestHostsAreFixed: a Secret is sent to no host that the author of a Rollout chooses.
func TestHostsAreFixed(t *testing.T) {
	const metrics = `
args: [{name: a}]
metrics: [{name: a, threshold: {query: x, success: "true"}}]
source: `
	for source, refused := range map[string]string{
		`{web: {address: "http://{{args.a}}/"}}`:                                                                         "",
		`{web: {address: "http://{{args.a}}/", headers: [{name: a, value: b}]}}`:                                         "",
		`{web: {address: "http://a/{{args.a}}", basic: b}}`:                                                              "",
		`{web: {address: "http://a?{{args.a}}", basic: b}}`:                                                              "",
		`{web: {address: "http://{{args.a}}/", basic: b}}`:                                                               "source.web.address",
		`{prometheus: {address: "{{args.a}}", bearer: {name: b, key: c}}}`:                                               "source.prometheus.address",
		`{prometheus: {address: "{{args.a}}://a/", bearer: {name: b, key: c}}}`:                                          "source.prometheus.address",
		`{prometheus: {address: "http://a.{{release.namespace}}.svc", headers: [{name: a, secret: {name: b, key: c}}]}}`: "source.prometheus.address",
		`{prometheus: {address: "http://a:{{args.a}}", tls: {certificate: c}}}`:                                          "source.prometheus.address",
		`{prometheus: {address: "http://a", oauth2: {client: c, tokenURL: "https://{{args.a}}/token"}}}`:                 "source.prometheus.oauth2.tokenURL",
		`{datadog: {keys: k, address: "https://{{args.a}}"}}`:                                                            "source.datadog.address",
		`{cloudWatch: {keys: k, region: a, address: "https://{{args.a}}"}}`:                                              "source.cloudWatch.address",
		`{cloudWatch: {keys: k, region: "{{args.a}}"}}`:                                                                  "source.cloudWatch.region",
	} {
		err := arguments.Check(template(t, metrics+source), give("a", "evil.example.com"))
		if refused == "" {
			require.NoError(t, err, source)
			continue
		}
		require.ErrorContains(t, err, refused+" has an argument or a fact in its host, to which a Secret is sent; write the host out", source)
	}
}

// TestTokensAreFixed: what a token is good for is for the author of the template to say, whose Secret gets it.
func TestTokensAreFixed(t *testing.T) {
	for oauth2, refused := range map[string]bool{
		`{client: c, tokenURL: "http://a", params: {audience: metrics}, scopes: [read]}`: false,
		`{client: c, tokenURL: "http://a", params: {audience: "{{args.a}}"}}`:            true,
		`{client: c, tokenURL: "http://a", scopes: [read, "{{release.namespace}}"]}`:     true,
	} {
		for _, kind := range []string{"web", "prometheus"} {
			err := arguments.Check(template(t, `
args: [{name: a}]
metrics: [{name: b, threshold: {query: "{{args.a}}", success: "true"}}]
source: {`+kind+`: {address: "http://a", oauth2: `+oauth2+`}}`), give("a", "everything"))
			if !refused {
				require.NoError(t, err, oauth2)
				continue
			}
			require.ErrorContains(t, err, "source."+kind+".oauth2 has an argument or a fact in its scopes or params", oauth2)
		}
	}
}

// TestFactsOfAStep: a threshold may ask by them, and what counts may not.
func TestFactsOfAStep(t *testing.T) {
	const (
		threshold = `{name: queue, threshold: {query: "q{{release.step}}", success: "result < {{release.weight}}"}}`
		compare   = `{name: errors, compare: {canary: {requests: ["r{a=\"STEP\"}"], events: [e]}, stable: {requests: [r], events: [e]}}}`
		steady    = `{name: latency, latency: {canary: [a], stable: [b]}}`
	)
	for text, want := range map[string]string{
		`{source: {prometheus: {address: "http://a/{{release.step}}"}}, metrics: [` + threshold + `]}`:                   "",
		`{metrics: [` + threshold + `, ` + strings.Replace(compare, "STEP", "{{release.canaryHash}}", 1) + `]}`:          "",
		`{metrics: [` + threshold + `, ` + strings.Replace(compare, "STEP", "{{ release.step }}", 1) + `]}`:              "metric errors has {{release.step}}, which is another one at each step, and counters are judged over all steps; take it out, or use a threshold",
		`{metrics: [` + strings.Replace(compare, "STEP", "{{release.weight}}", 1) + `]}`:                                 "metric errors has {{release.weight}}",
		`{source: {prometheus: {address: "http://a/{{release.weight}}"}}, metrics: [` + threshold + `, ` + steady + `]}`: "source has {{release.weight}}, which is another one at each step, and counters are judged over all steps; take it out, or have no metric latency in this template",
		`{source: {prometheus: {address: "http://a/{{release.weight}}"}}, goldenSignals: {source: Istio}}`:               "or have no goldenSignals in this template",
	} {
		err := arguments.Check(template(t, text), nil)
		if want == "" {
			require.NoError(t, err, text)
			continue
		}
		require.ErrorContains(t, err, want, text)
	}
}
