// Package goldensignals knows which counters a data plane has for the requests, errors and latency of canary and stable, so
// that one word names them all.
package goldensignals

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Plane is what counts requests.
type Plane string

const (
	// Istio counts in the proxies of callers, gateways among them.
	Istio Plane = "Istio"
	// Traefik counts by its services, which are ports of Kubernetes' Services.
	Traefik Plane = "Traefik"
	// IngressNginx counts by Ingress, and tells the canary's requests by a label.
	IngressNginx Plane = "IngressNginx"
	// EnvoyGateway counts by rules of routes, so it can't tell canary from stable.
	EnvoyGateway Plane = "EnvoyGateway"
	// Linkerd counts in the proxies of callers.
	Linkerd Plane = "Linkerd"
	// Application is the pods themselves, by the names of OpenTelemetry.
	Application Plane = "Application"
)

// Planes are all of them, in the order of the documentation.
func Planes() []Plane {
	return []Plane{Istio, Traefik, IngressNginx, Linkerd, Application, EnvoyGateway}
}

// Backend is who serves one arm.
type Backend struct {
	Namespace string
	// Service is the name of the user's Service for stable, and of the canary Service for the canary.
	Service string
	// Port is the port as the route names it, a number or, in an Ingress, perhaps a name. Only Traefik and IngressNginx have it; empty
	// is any without a dash in its name.
	Port string
	// ReplicaSet is whose pods they are, whose names begin with its. Only Application needs it.
	ReplicaSet string
}

// Arm are the selectors of raw counters of one arm. The series of all the selectors of a list together are what counts; none
// is matched by two of them.
type Arm struct {
	Requests, Errors []string
	// Latency are the buckets of classic histograms, with a label le.
	Latency []string
}

// Signals are those of both arms.
type Signals struct {
	Canary, Stable Arm
	// Shared says that each target counts both arms, as analysis.Grid wants to know.
	Shared bool
	// Unit is the unit of Latency, a second or a millisecond. Edges that were read of it are in this unit until analysis.Latencies
	// makes seconds of them, and nothing else does.
	Unit time.Duration
}

// For returns the signals of a plane. It fails for a plane that can't tell canary from stable, is not known, or of which a
// field of the backends is missing, and says what to give.
func For(plane Plane, canary, stable Backend) (Signals, error) {
	dialect, ok := map[Plane]dialect{
		Istio:        {of: istio, unit: time.Millisecond, shared: true},
		Traefik:      {of: traefik, unit: time.Second, shared: true},
		IngressNginx: {of: ingressNginx, unit: time.Second, shared: true},
		Linkerd:      {of: linkerd, unit: time.Millisecond, shared: true},
		Application:  {of: application, unit: time.Second, pods: true},
	}[plane]
	switch {
	case plane == EnvoyGateway:
		// Envoy counts by cluster, envoy_cluster_upstream_rq_xx{envoy_cluster_name="httproute/NAMESPACE/NAME/rule/INDEX"}, and
		// one cluster has all backends of a rule (gateway.envoyproxy.io, tasks/observability/proxy-metric, and its retries task).
		return Signals{}, fmt.Errorf("signals of %s: it counts by rules of routes and can't tell canary from stable; use %s, or a mesh", plane, Application)
	case !ok:
		return Signals{}, fmt.Errorf("signals of %q: it is not known; use one of %s", plane, names())
	}
	for _, b := range []Backend{canary, stable} {
		switch {
		case b.Namespace == "" || (!dialect.pods && b.Service == ""):
			return Signals{}, fmt.Errorf("signals of %s: a backend has no namespace or Service; give both", plane)
		case dialect.pods && b.ReplicaSet == "":
			return Signals{}, fmt.Errorf("signals of %s: a backend has no ReplicaSet; give the one whose pods it is", plane)
		}
	}
	return Signals{
		Canary: dialect.of(canary, stable, true), Stable: dialect.of(stable, stable, false), Shared: dialect.shared, Unit: dialect.unit,
	}, nil
}

func names() string {
	var all []string
	for _, p := range Planes() {
		all = append(all, string(p))
	}
	return strings.Join(all, ", ")
}

// dialect is how one plane counts.
type dialect struct {
	of     func(backend, stable Backend, canary bool) Arm
	unit   time.Duration
	shared bool
	// pods says that it needs the ReplicaSet of a backend, and no Service.
	pods bool
}

// istio: metrics and labels by istio.io/docs/reference/config/metrics. destination_service_name is the host of the Service
// that the route chose. reporter="source" counts where requests are sent from, and has those that never arrived.
func istio(b, _ Backend, _ bool) Arm {
	of := fmt.Sprintf(`reporter="source",destination_service_namespace=%s,destination_service_name=%s`, quote(b.Namespace), quote(b.Service))
	return arm("istio_requests_total", "istio_request_duration_milliseconds_bucket", of, `response_code=~"5.."`)
}

// traefik: metrics and labels by doc.traefik.io, Observability, Metrics, "Service metrics" (addServicesLabels, on by default).
// The names of services are those that its providers give them (Traefik v3, pkg/provider/kubernetes): of HTTPRoutes
// NAMESPACE-NAME-http-PORT@kubernetesgateway, of GRPCRoutes NAMESPACE-NAME-PORT-grpc@kubernetesgateway, of Ingresses
// NAMESPACE-NAME-PORT@kubernetes, and of IngressRoutes NAMESPACE-NAME-PORT@kubernetescrd.
func traefik(b, _ Backend, _ bool) Arm {
	service, port := regexp.QuoteMeta(b.Namespace+"-"+b.Service), portOf(b)
	pattern := fmt.Sprintf("%[1]s-http-%[2]s@kubernetesgateway|%[1]s-%[2]s-grpc@kubernetesgateway|%[1]s-%[2]s@kubernetes|%[1]s-%[2]s@kubernetescrd", service, port)
	return arm("traefik_service_requests_total", "traefik_service_request_duration_seconds_bucket", "service=~"+quote(pattern), `code=~"5.."`)
}

// ingressNginx: metrics and labels by kubernetes.github.io/ingress-nginx/user-guide/monitoring and its collector
// (internal/ingress/metric/collectors/socket.go). Requests of the canary have the labels of the main Ingress, and the name of
// the canary's upstream, NAMESPACE-NAME-PORT, in the label canary, which is empty for others (rootfs/etc/nginx/lua).
// Prometheus moves namespace and service to exported_namespace and exported_service where the target has such labels of its
// own, as those of a ServiceMonitor have.
func ingressNginx(b, stable Backend, canary bool) Arm {
	upstream := `=""`
	switch {
	case canary && b.Port == "":
		upstream = "=~" + quote(regexp.QuoteMeta(b.Namespace+"-"+b.Service+"-")+portOf(b))
	case canary:
		upstream = "=" + quote(b.Namespace+"-"+b.Service+"-"+b.Port)
	}
	var all Arm
	for _, labels := range []string{
		`namespace=%s,service=%s,exported_service="",canary%s`, `exported_namespace=%s,exported_service=%s,canary%s`,
	} {
		of := fmt.Sprintf(labels, quote(stable.Namespace), quote(stable.Service), upstream)
		one := arm("nginx_ingress_controller_requests", "nginx_ingress_controller_request_duration_seconds_bucket", of, `status=~"5.."`)
		all.Requests, all.Errors, all.Latency = append(all.Requests, one.Requests...), append(all.Errors, one.Errors...), append(all.Latency, one.Latency...)
	}
	return all
}

// linkerd: metrics and labels by linkerd.io/2/reference/proxy-metrics. Responses are counted, not requests, for they alone
// are classified; what gRPC says is in the classification.
func linkerd(b, _ Backend, _ bool) Arm {
	of := fmt.Sprintf(`direction="outbound",dst_namespace=%s,dst_service=%s`, quote(b.Namespace), quote(b.Service))
	return arm("response_total", "response_latency_ms_bucket", of, `classification="failure"`)
}

// application: http.server.request.duration of the semantic conventions of OpenTelemetry, under the name that Prometheus
// gives it, of pods whose names begin with that of their ReplicaSet. The labels namespace and pod are those that scrape
// configurations for Kubernetes give.
func application(b, _ Backend, _ bool) Arm {
	of := fmt.Sprintf("namespace=%s,pod=~%s", quote(b.Namespace), quote(regexp.QuoteMeta(b.ReplicaSet)+"-[a-z0-9]+"))
	return arm("http_server_request_duration_seconds_count", "http_server_request_duration_seconds_bucket", of, `http_response_status_code=~"5.."`)
}

// portOf is a pattern of the port of a backend. Names of Services have dashes, so a port that isn't known has none: that of checkout
// would be canary-80 otherwise.
func portOf(b Backend) string {
	if b.Port == "" {
		return "[a-z0-9]+"
	}
	return regexp.QuoteMeta(b.Port)
}

func arm(counter, histogram, of, failed string) Arm {
	return Arm{
		Requests: []string{counter + "{" + of + "}"}, Errors: []string{counter + "{" + of + "," + failed + "}"},
		Latency: []string{histogram + "{" + of + "}"},
	}
}

func quote(value string) string { return strconv.Quote(value) }
