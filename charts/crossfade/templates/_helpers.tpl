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

{{/* Inside of a CEL list of one quoted string: the pod-template annotations whose change alone is no new version. */}}
{{- define "crossfade.ignored" -}}
{{ join "\", \"" .Values.gate.ignoredAnnotations }}
{{- end }}

{{/* The API server serves the kind that gate and guards are made of. */}}
{{- define "crossfade.gateServed" -}}
{{- if and .Values.policies (semverCompare ">=1.36.0-0" .Capabilities.KubeVersion.Version) }}true{{ end }}
{{- end }}

{{/* The webhook holds templates and guards workloads and Services, as no policy can. */}}
{{- define "crossfade.gateByWebhook" -}}
{{- if and .Values.webhook.enabled (not (include "crossfade.gateServed" .)) }}true{{ end }}
{{- end }}

{{- define "crossfade.webhookHost" -}}
crossfade-webhook.{{ .Release.Namespace }}.svc
{{- end }}

{{/* The names of the webhook's configurations. */}}
{{- define "crossfade.webhooks" -}}
crossfade-routes{{ if include "crossfade.gateByWebhook" . }},crossfade-tables{{ end }}
{{- end }}

{{/* A Role of the controller in one namespace: dict "root" $ "namespace" "name" "group" "resource" "verbs". */}}
{{- define "crossfade.granted" }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: {{ .name }}
  namespace: {{ .namespace }}
  labels:
    {{- include "crossfade.labels" .root | nindent 4 }}
rules:
- apiGroups: [{{ .group | quote }}]
  resources: [{{ .resource }}]
  verbs: {{ toJson .verbs }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: {{ .name }}
  namespace: {{ .namespace }}
  labels:
    {{- include "crossfade.labels" .root | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: {{ .name }}
subjects:
- kind: ServiceAccount
  name: crossfade
  namespace: {{ .root.Release.Namespace }}
{{- end }}
