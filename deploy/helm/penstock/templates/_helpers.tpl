{{- define "penstock.name" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "penstock.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "penstock.labels" -}}
{{ include "penstock.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{/* Another name, so that nothing which looks for nodes finds it. */}}
{{- define "penstock.builtin.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}-builtin
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "penstock.scheme" -}}
{{- if .Values.tls.secret }}https{{ else }}http{{ end -}}
{{- end -}}

{{/* A look at the node, at a path. Who has no certificate asks from within. */}}
{{- define "penstock.look" -}}
{{- if and .root.Values.tls.secret .root.Values.tls.requireClientCertificate -}}
exec:
  command: [python, -I, /opt/penstock/ready.py, "https://127.0.0.1:7070{{ .path }}"]
{{- else -}}
httpGet:
  path: {{ .path }}
  port: http
  scheme: {{ include "penstock.scheme" .root | upper }}
{{- end -}}
{{- end -}}
