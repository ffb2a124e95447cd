{{/* The names are contracts (sidecars, certificates and the webhooks use them), so one cluster holds one installation. */}}

{{- define "cairn.labels" -}}
app.kubernetes.io/name: cairn
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "cairn.operatorSelector" -}}
app.kubernetes.io/name: cairn
app.kubernetes.io/component: operator
{{- end }}

{{- define "cairn.gatewaySelector" -}}
app.kubernetes.io/name: cairn
app.kubernetes.io/component: gateway
{{- end }}

{{/* {repository, tag, digest} and the chart's appVersion -> one reference; a digest wins over a tag. */}}
{{- define "cairn.image" -}}
{{- $image := .image -}}
{{- if $image.digest -}}
{{ $image.repository }}@{{ $image.digest }}
{{- else -}}
{{ $image.repository }}:{{ $image.tag | default .version }}
{{- end -}}
{{- end }}

{{/* What Pod Security "restricted" asks for, and a read-only root. */}}
{{- define "cairn.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "cairn.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities: {drop: [ALL]}
seccompProfile: {type: RuntimeDefault}
{{- end }}
