package goldensignals

import (
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"
	"text/template"
	"time"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write docs/golden-signals.md")

var (
	canary = Backend{Namespace: "shop", Service: "checkout-canary", ReplicaSet: "checkout-6c9f"}
	stable = Backend{Namespace: "shop", Service: "checkout", ReplicaSet: "checkout-5d8b"}
)

const document = `# Golden signals

One word, ` + "`goldenSignals: {source: Traefik}`" + `, names the counters of requests, errors and latency of both versions. These are
they, for a Service ` + "`checkout`" + ` in namespace ` + "`shop`" + `, whose canary Service is ` + "`checkout-canary`" + `; of several Services they are
counted together. Counters are read as they were scraped, one sample after the other; nothing is rated or interpolated.
Where a list has several selectors, their series are counted together.

This page is checked against the code: ` + "`go test ./analysis/goldensignals -update`" + ` writes it.
{{range .}}
## {{.Plane}}
{{if .Err}}
No signals: {{.Err}}.
{{else}}
Counted {{if .Shared}}by who sends the requests, both arms by each{{else}}by the pods of each arm{{end}}; latency is in {{.Unit}}.

| | Stable | Canary |
|---|---|---|
| Requests | {{code .Stable.Requests}} | {{code .Canary.Requests}} |
| Errors | {{code .Stable.Errors}} | {{code .Canary.Errors}} |
| Latency | {{code .Stable.Latency}} | {{code .Canary.Latency}} |
{{end}}{{end}}
## What to know
- **Istio**: routes by host, whose Services differ. With subsets of one host both arms are one Service; use Application.
  Requests that a waypoint sends are counted by it with another reporter, and are not among these. What gRPC answers is in
  another label, and does not count as an error here.
- **Traefik**: needs ` + "`metrics.prometheus`" + ` with ` + "`addServicesLabels`" + `, which is on by default. Its buckets are 0.1, 0.3, 1.2 and 5
  seconds unless ` + "`buckets`" + ` says others. A port of an Ingress whose name has a dash is not found: name its number.
- **IngressNginx**: needs ` + "`controller.metrics.enabled`" + `; a request is in the counters up to a second after it ended.
- **Linkerd**: an answer's latency is that of its first byte.
- **Application**: the names of OpenTelemetry, and the labels ` + "`namespace` and `pod`" + `, which scrape configurations for Kubernetes give.
- **EnvoyGateway**: Envoy counts by its clusters, and one has all backends of a rule.
`

func TestDocument(t *testing.T) {
	type row struct {
		Plane Plane
		Signals
		Err error
	}
	var rows []row
	for _, plane := range Planes() {
		signals, err := For(plane, canary, stable)
		rows = append(rows, row{plane, signals, err})
	}
	page := template.Must(template.New("page").Funcs(template.FuncMap{"code": func(selectors []string) string {
		return "`" + strings.ReplaceAll(strings.Join(selectors, "`<br>`"), "|", `\|`) + "`"
	}}).Parse(document))
	var text strings.Builder
	require.NoError(t, page.Execute(&text, rows))
	const path = "../../docs/golden-signals.md"
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(text.String()), 0o644))
	}
	written, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, text.String(), string(written), "run go test ./analysis/goldensignals -update")
}

// matches says whether a selector matches a series, as Prometheus would.
func matches(t *testing.T, selector string, labels map[string]string) bool {
	t.Helper()
	name, rest, ok := strings.Cut(strings.TrimSuffix(selector, "}"), "{")
	require.True(t, ok)
	if labels["__name__"] != name {
		return false
	}
	for _, matcher := range regexp.MustCompile(`(\w+)(=~|=)"((?:[^"\\]|\\.)*)"`).FindAllStringSubmatch(rest, -1) {
		value := strings.ReplaceAll(matcher[3], `\\`, `\`)
		if matcher[2] == "=" && labels[matcher[1]] != value {
			return false
		}
		if matcher[2] == "=~" && !regexp.MustCompile("^(?:"+value+")$").MatchString(labels[matcher[1]]) {
			return false
		}
	}
	return true
}

// ported has the port that routes name.
func ported(b Backend) Backend {
	b.Port = "80"
	return b
}

// TestPortsNeedNotBeKnown: any port of a Service is matched, and no other Service whose name begins alike.
func TestPortsNeedNotBeKnown(t *testing.T) {
	for plane, services := range map[Plane][2][]string{
		Traefik: {
			{"shop-checkout-canary-http-80@kubernetesgateway", "shop-checkout-canary-8080-grpc@kubernetesgateway", "shop-checkout-canary-web@kubernetes"},
			{"shop-checkout-http-80@kubernetesgateway", "shop-checkout-80-grpc@kubernetesgateway", "shop-checkout-80@kubernetescrd"},
		},
		IngressNginx: {{"shop-checkout-canary-80", "shop-checkout-canary-web"}, {""}},
	} {
		signals, err := For(plane, canary, stable)
		require.NoError(t, err)
		has := func(arm Arm, name string) (n int) {
			for _, selector := range arm.Requests {
				labels := map[string]string{"__name__": "traefik_service_requests_total", "service": name}
				if plane == IngressNginx {
					labels = map[string]string{"__name__": "nginx_ingress_controller_requests", "namespace": "shop", "service": "checkout", "canary": name}
				}
				if matches(t, selector, labels) {
					n++
				}
			}
			return n
		}
		for i, arm := range []Arm{signals.Canary, signals.Stable} {
			for _, name := range services[i] {
				require.Equal(t, 1, has(arm, name), name)
			}
			for _, name := range services[1-i] {
				require.Zero(t, has(arm, name), name)
			}
			require.Zero(t, has(arm, "shop-checkout-api-http-80@kubernetesgateway"))
			require.Zero(t, has(arm, "shop-checkout-canary-api-80"))
		}
	}
}

func TestSelectorsMatchOneArm(t *testing.T) {
	istio := func(service string) map[string]string {
		return map[string]string{"__name__": "istio_requests_total", "reporter": "source", "destination_service_namespace": "shop", "destination_service_name": service, "response_code": "503"}
	}
	traefik := func(service string) map[string]string {
		return map[string]string{"__name__": "traefik_service_requests_total", "service": service, "code": "502", "method": "GET", "protocol": "http"}
	}
	nginx := func(prefix, canary string) map[string]string {
		return map[string]string{"__name__": "nginx_ingress_controller_requests", prefix + "namespace": "shop", prefix + "service": "checkout", "canary": canary, "status": "500"}
	}
	operator := nginx("exported_", "")
	operator["namespace"], operator["service"] = "ingress-nginx", "ingress-nginx-controller-metrics"
	linkerd := func(service string) map[string]string {
		return map[string]string{"__name__": "response_total", "direction": "outbound", "dst_namespace": "shop", "dst_service": service, "classification": "failure"}
	}
	app := func(pod string) map[string]string {
		return map[string]string{"__name__": "http_server_request_duration_seconds_count", "namespace": "shop", "pod": pod, "http_response_status_code": "500"}
	}
	tests := map[string]struct {
		plane          Plane
		labels         map[string]string
		canary, stable int
	}{
		"Istio, stable":                      {Istio, istio("checkout"), 0, 1},
		"Istio, canary":                      {Istio, istio("checkout-canary"), 1, 0},
		"Traefik, stable of HTTPRoute":       {Traefik, traefik("shop-checkout-http-80@kubernetesgateway"), 0, 1},
		"Traefik, canary of HTTPRoute":       {Traefik, traefik("shop-checkout-canary-http-80@kubernetesgateway"), 1, 0},
		"Traefik, canary of GRPCRoute":       {Traefik, traefik("shop-checkout-canary-80-grpc@kubernetesgateway"), 1, 0},
		"Traefik, stable of Ingress":         {Traefik, traefik("shop-checkout-80@kubernetes"), 0, 1},
		"Traefik, canary of IngressRoute":    {Traefik, traefik("shop-checkout-canary-80@kubernetescrd"), 1, 0},
		"Traefik, another port":              {Traefik, traefik("shop-checkout-http-8080@kubernetesgateway"), 0, 0},
		"Traefik, another Service":           {Traefik, traefik("shop-checkout-api-http-80@kubernetesgateway"), 0, 0},
		"ingress-nginx, stable":              {IngressNginx, nginx("", ""), 0, 1},
		"ingress-nginx, canary":              {IngressNginx, nginx("", "shop-checkout-canary-80"), 1, 0},
		"ingress-nginx of a ServiceMonitor":  {IngressNginx, operator, 0, 1},
		"ingress-nginx, its own metrics":     {IngressNginx, map[string]string{"__name__": "nginx_ingress_controller_requests", "namespace": "shop", "service": "checkout", "exported_service": "other", "exported_namespace": "shop"}, 0, 0},
		"Linkerd, stable":                    {Linkerd, linkerd("checkout"), 0, 1},
		"Linkerd, canary":                    {Linkerd, linkerd("checkout-canary"), 1, 0},
		"the app, stable":                    {Application, app("checkout-5d8b-x7k2p"), 0, 1},
		"the app, canary":                    {Application, app("checkout-6c9f-ab12c"), 1, 0},
		"the app, a ReplicaSet before these": {Application, app("checkout-5d8-x7k2p"), 0, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			signals, err := For(test.plane, ported(canary), ported(stable))
			require.NoError(t, err)
			count := func(selectors []string) int {
				n := 0
				for _, s := range selectors {
					if matches(t, s, test.labels) {
						n++
					}
				}
				return n
			}
			require.Equal(t, []int{test.canary, test.stable}, []int{count(signals.Canary.Requests), count(signals.Stable.Requests)})
			require.Equal(t, []int{test.canary, test.stable}, []int{count(signals.Canary.Errors), count(signals.Stable.Errors)}, "it is an error")
			for label := range map[string]bool{"response_code": true, "code": true, "status": true, "http_response_status_code": true} {
				if test.labels[label] != "" {
					test.labels[label] = "404"
				}
			}
			if test.labels["classification"] != "" {
				test.labels["classification"] = "success"
			}
			require.Zero(t, count(signals.Canary.Errors)+count(signals.Stable.Errors), "it is none")
		})
	}
}

func TestFor(t *testing.T) {
	signals, err := For(Istio, canary, stable)
	require.NoError(t, err)
	require.Equal(t, time.Millisecond, signals.Unit)
	require.True(t, signals.Shared)
	for name, ask := range map[string]func() (Signals, error){
		"a plane that can't tell":  func() (Signals, error) { return For(EnvoyGateway, canary, stable) },
		"a plane that isn't known": func() (Signals, error) { return For("Caddy", canary, stable) },
		"no Service":               func() (Signals, error) { return For(Istio, Backend{Namespace: "shop"}, stable) },
		"no ReplicaSet":            func() (Signals, error) { return For(Application, Backend{Namespace: "shop"}, stable) },
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ask()
			require.ErrorContains(t, err, ";")
		})
	}
}
