package world

import (
	"bytes"
	"fmt"
	"text/template"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

var deployment = manifest(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: app, namespace: {{.Namespace}}, labels: {app: app}}
spec:
  replicas: {{.Replicas}}
  selector: {matchLabels: {app: app}}
  template:
    metadata:
      labels: {app: app}
      {{- if .Scraped}}
      annotations: {prometheus.io/scrape: "true"}
      {{- end}}
    spec:
      {{- if .Spread}}
      topologySpreadConstraints:
      - topologyKey: kubernetes.io/hostname
        maxSkew: 1
        whenUnsatisfiable: DoNotSchedule
        nodeTaintsPolicy: Honor
        labelSelector: {matchLabels: {app: app}}
        matchLabelKeys: [pod-template-hash]
      {{- end}}
      {{- if .Node}}
      nodeSelector: {kubernetes.io/hostname: {{.Node}}}
      {{- end}}
      containers:
      - name: app
        image: {{or .Image "crossfade.io/app:e2e"}}
        imagePullPolicy: Never
        args:
        - --version={{.Version}}
        {{- if eq .TargetPort "https"}}
        - --tls-address=:8443
        {{- end}}
        {{- range .Flags}}
        - {{.}}
        {{- end}}
        ports:
        - {name: http, containerPort: 8080}
        - {name: grpc, containerPort: 9090}
        - {name: https, containerPort: 8443}
        - {name: admin, containerPort: 8081}
        {{- if .CPU}}
        resources: {requests: {cpu: {{.CPU}}}}
        {{- end}}
        readinessProbe: {httpGet: {path: /readyz, port: http}, periodSeconds: 1, timeoutSeconds: 5, failureThreshold: 1}
`)

var service = manifest(`
apiVersion: v1
kind: Service
metadata: {name: app, namespace: {{.Namespace}}, labels: {app: app}}
spec:
  selector: {app: app}
  ports:
  {{- range .Ports}}
  - {name: {{.Name}}, port: {{.Port}}, targetPort: {{.Target}}}
  {{- end}}
`)

var route = manifest(`
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: app, namespace: {{or .RoutesIn .Namespace}}, labels: {app: app}}
spec:
  parentRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: gateway, namespace: crossfade-gateway}]
  hostnames: ["{{.Host}}"]
  rules:
  {{- range .Among}}
  - matches: [{path: {type: PathPrefix, value: /{{.}}}}]
    backendRefs: [{group: "", kind: Service, name: app, namespace: {{.}}, port: 80, weight: 1}]
  {{- else}}
  - matches: [{path: {type: PathPrefix, value: /}}]
    {{- if .Guarded}}
    name: whole
    filters: [{type: ExtensionRef, extensionRef: {group: traefik.io, kind: Middleware, name: app}}]
    {{- end}}
    backendRefs: [{group: "", kind: Service, name: app{{if .RoutesIn}}, namespace: {{.Namespace}}{{end}}, port: 80, weight: 1}]
  {{- if .Guarded}}
  - matches: [{path: {type: PathPrefix, value: /more}}]
    name: more
    filters: [{type: ExtensionRef, extensionRef: {group: traefik.io, kind: Middleware, name: app}}]
    backendRefs: [{group: "", kind: Service, name: app, port: 80, weight: 1}]
  {{- end}}
  {{- end}}
`)

// referenceGrant names each Service, so that the canary Service has to be named too.
var referenceGrant = manifest(`
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: {name: app, namespace: {{.Namespace}}, labels: {app: app}}
spec:
  from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: {{.RoutesIn}}}]
  to: [{group: "", kind: Service, name: app}, {group: "", kind: Service, name: app-canary}]
`)

// otherRoute takes all calls or connections; of a kind that shares connections it has a listener of its own.
var otherRoute = manifest(`
apiVersion: gateway.networking.k8s.io/v1
kind: {{.Kind}}
metadata: {name: app, namespace: {{.Namespace}}, labels: {app: app}}
spec:
  parentRefs:
  - {group: gateway.networking.k8s.io, kind: Gateway, name: gateway, namespace: crossfade-gateway{{with .Listener}}, sectionName: {{.}}{{end}}}
  {{- if ne .Kind "TCPRoute"}}
  hostnames: ["{{.Host}}"]
  {{- end}}
  rules:
  - backendRefs: [{group: "", kind: Service, name: app, port: {{.Port}}, weight: 1}]
`)

// meshRoute takes all calls of the Service.
var meshRoute = manifest(`
apiVersion: gateway.networking.k8s.io/v1
kind: {{.Kind}}
metadata: {name: app, namespace: {{.Namespace}}, labels: {app: app}}
spec:
  parentRefs: [{group: "", kind: Service, name: app, port: {{.Port}}}]
  rules:
  - backendRefs: [{group: "", kind: Service, name: app, port: {{.Port}}, weight: 1}]
`)

// ingress is Traefik's by the annotations of ingress-nginx.
var ingress = manifest(`
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: app
  namespace: {{.Namespace}}
  labels: {app: app}
  {{- if .Guarded}}
  annotations: {nginx.ingress.kubernetes.io/auth-type: basic, nginx.ingress.kubernetes.io/auth-secret: app}
  {{- end}}
spec:
  ingressClassName: nginx
  rules:
  - host: {{.Host}}
    http:
      paths:
      - {path: /, pathType: Prefix, backend: {service: {name: app, port: {number: {{.Port}}}}}}
      {{- if .Guarded}}
      - {path: /more, pathType: Prefix, backend: {service: {name: app, port: {number: {{.Port}}}}}}
      {{- end}}
`)

// ingressRoute names the Service, or the app's TraefikService.
var ingressRoute = manifest(`
apiVersion: traefik.io/v1alpha1
kind: IngressRoute
metadata: {name: app, namespace: {{.Namespace}}, labels: {app: app}}
spec:
  entryPoints: [web]
  routes:
  - match: Host("{{.Host}}")
    kind: Rule
    services: [{name: app, {{if eq .Kind "TraefikService"}}kind: TraefikService{{else}}port: {{.Port}}{{end}}}]
    {{- if .Guarded}}
    middlewares: [{name: app}]
  - match: Host("{{.Host}}") && PathPrefix("/more")
    kind: Rule
    services: [{name: app, port: {{.Port}}}]
    middlewares: [{name: app}]
    {{- end}}
`)

// middleware asks for the password.
var middleware = manifest(`
apiVersion: traefik.io/v1alpha1
kind: Middleware
metadata: {name: app, namespace: {{.Namespace}}, labels: {app: app}}
spec: {basicAuth: {secret: app}}
`)

// password is that of Password, in the file of ingress-nginx, which Traefik reads for its middleware too.
var password = manifest(`
apiVersion: v1
kind: Secret
metadata: {name: app, namespace: {{.Namespace}}, labels: {app: app}}
stringData: {auth: "user:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ="}
`)

// Password is the header Authorization that a guarded app wants.
const Password = "Basic dXNlcjpzZWNyZXQ="

var traefikService = manifest(`
apiVersion: traefik.io/v1alpha1
kind: TraefikService
metadata: {name: app, namespace: {{.Namespace}}, labels: {app: app}}
spec:
  weighted: {services: [{name: app, port: {{.Port}}, weight: 1}]}
`)

// virtualService takes all calls by the Service's name.
var virtualService = manifest(`
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: app, namespace: {{.Namespace}}, labels: {app: app}}
spec:
  hosts: [app]
  http:
  - route: [{destination: {host: app, port: {number: {{.Port}}}{{with .Subset}}, subset: {{.}}{{end}}}}]
`)

var destinationRule = manifest(`
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: app, namespace: {{.Namespace}}, labels: {app: app}}
spec:
  host: app
  subsets: [{name: {{.Subset}}, labels: {app: app}}]
`)

var backendTLSPolicy = manifest(`
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: app, namespace: {{.Namespace}}, labels: {app: app}}
spec:
  targetRefs: [{group: "", kind: Service, name: app}]
  validation: {hostname: app.internal, caCertificateRefs: [{group: "", kind: ConfigMap, name: app-trusted}]}
`)

var trusted = manifest(`
apiVersion: v1
kind: ConfigMap
metadata: {name: app-trusted, namespace: {{.Namespace}}, labels: {app: app}}
data: {ca.crt: {{printf "%q" .Certificate}}}
`)

func manifest(text string) *template.Template { return template.Must(template.New("").Parse(text)) }

// render panics on an error: the manifests are this package's own.
func (a App) render(manifest *template.Template) *unstructured.Unstructured {
	var text bytes.Buffer
	if err := manifest.Execute(&text, a); err != nil {
		panic(err)
	}
	obj := &unstructured.Unstructured{}
	if err := yaml.Unmarshal(text.Bytes(), obj); err != nil {
		panic(fmt.Errorf("parse %s: %w", text.String(), err))
	}
	return obj
}
