{{/*
The pod of a controller, with all that it needs: dict "root" $ "extra" (list of further flags).
*/}}
{{- define "crossfade.pod" -}}
serviceAccountName: crossfade
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  seccompProfile:
    type: RuntimeDefault
containers:
- name: controller
  image: {{ printf "%s:%s" .root.Values.image.repository (.root.Values.image.tag | default .root.Chart.AppVersion) }}
  imagePullPolicy: {{ .root.Values.image.pullPolicy }}
  args:
  {{- range .extra }}
  - {{ . }}
  {{- end }}
  - --metrics-bind-address=:{{ .root.Values.ports.metrics }}
  - --health-probe-bind-address=:{{ .root.Values.ports.health }}
  - --leader-election-namespace={{ .root.Release.Namespace }}
  - --lease-duration={{ .root.Values.leaderElection.leaseDuration }}
  - --renew-deadline={{ .root.Values.leaderElection.renewDeadline }}
  - --retry-period={{ .root.Values.leaderElection.retryPeriod }}
  - --workers={{ .root.Values.workers }}
  - --ignored-annotations={{ join "," .root.Values.gate.ignoredAnnotations }}
  - --kube-api-qps={{ .root.Values.kubeAPIQPS }}
  {{- if .root.Values.probes.enabled }}
  - --probes
  {{- end }}
  {{- with .root.Values.analysis.prometheus.address }}
  - --prometheus-address={{ . }}
  {{- end }}
  {{- with .root.Values.analysis.prometheus.lag }}
  - --prometheus-lag={{ . }}
  {{- end }}
  {{- with .root.Values.analysis.allow }}
  - --analysis-allow={{ join "," . }}
  {{- end }}
  {{- with .root.Values.analysis.deny }}
  - --analysis-deny={{ join "," . }}
  {{- end }}
  {{- if .root.Values.webhook.enabled }}
  - --webhook-port={{ .root.Values.ports.webhook }}
  - --webhook-secret={{ .root.Release.Namespace }}/crossfade-webhook
  {{- if not .root.Values.webhook.certManager }}
  - --webhook-configurations={{ include "crossfade.webhooks" .root }}
  - --webhook-host={{ include "crossfade.webhookHost" .root }}
  {{- end }}
  {{- if include "crossfade.gateByWebhook" .root }}
  - --webhook-gate
  {{- end }}
  {{- end }}
  - --zap-log-level={{ .root.Values.log.level }}
  - --zap-encoder={{ .root.Values.log.encoder }}
  ports:
  - name: metrics
    containerPort: {{ .root.Values.ports.metrics }}
  - name: health
    containerPort: {{ .root.Values.ports.health }}
  {{- if .root.Values.webhook.enabled }}
  - name: webhook
    containerPort: {{ .root.Values.ports.webhook }}
  {{- if not .root.Values.webhook.certManager }}
  volumeMounts:
  - name: certificate
    mountPath: /run/crossfade
    readOnly: true
  {{- end }}
  {{- end }}
  livenessProbe:
    httpGet:
      path: /healthz
      port: health
  readinessProbe:
    httpGet:
      path: /readyz
      port: health
    periodSeconds: 5
  {{- with .root.Values.resources }}
  resources:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  securityContext:
    allowPrivilegeEscalation: false
    readOnlyRootFilesystem: true
    capabilities:
      drop: [ALL]
{{- if and .root.Values.webhook.enabled (not .root.Values.webhook.certManager) }}
# The controller serves what the API server has of it; that it is mounted is what its renewal looks for.
volumes:
- name: certificate
  secret:
    secretName: crossfade-webhook
{{- end }}
{{- with .root.Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .root.Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
