{{/*
The names of all objects are fixed: two installations in a cluster would fight over the same Deployments, so Helm must
refuse the second one.
*/}}
{{- define "crossfade.selector" -}}
app.kubernetes.io/name: crossfade
app.kubernetes.io/component: controller
{{- end }}

{{- define "crossfade.labels" -}}
app.kubernetes.io/name: crossfade
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{/* The API server serves the kind that gate and guards are made of. */}}
{{- define "crossfade.gateServed" -}}
{{- if semverCompare ">=1.36.0-0" .Capabilities.KubeVersion.Version }}true{{ end }}
{{- end }}
