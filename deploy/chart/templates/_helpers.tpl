{{/* The value of the label app.kubernetes.io/name. */}}
{{- define "mgnet.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* The name of the objects, and the prefix of the names of roles. */}}
{{- define "mgnet.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else if contains (include "mgnet.name" .) .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "mgnet.name" .) | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* The selector of the Pods. It equals that of deploy/base, because the selector of a Deployment cannot change. */}}
{{- define "mgnet.selector" -}}
app.kubernetes.io/name: {{ include "mgnet.name" . }}
{{- end }}

{{/* The labels of all objects. */}}
{{- define "mgnet.labels" -}}
{{- include "mgnet.labelsWith" (list . dict) }}
{{- end }}

{{/* The labels of all objects and further ones: a list of the root and the further labels. The chart's own take precedence. */}}
{{- define "mgnet.labelsWith" -}}
{{- $root := index . 0 }}
{{- $own := dict
  "app.kubernetes.io/part-of" "mgnet"
  "app.kubernetes.io/instance" $root.Release.Name
  "app.kubernetes.io/version" $root.Chart.AppVersion
  "app.kubernetes.io/managed-by" $root.Release.Service
  "helm.sh/chart" (printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_") }}
{{- $selector := include "mgnet.selector" $root | fromYaml }}
{{- mergeOverwrite (dict) $root.Values.commonLabels (index . 1 | default dict) $own $selector | toYaml }}
{{- end }}

{{- define "mgnet.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "mgnet.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{/* The image: a digest takes precedence over a tag. */}}
{{- define "mgnet.image" -}}
{{- with .Values.image }}
{{- if .digest }}
{{- printf "%s@%s" .repository .digest }}
{{- else }}
{{- printf "%s:%s" .repository (default $.Chart.AppVersion .tag) }}
{{- end }}
{{- end }}
{{- end }}

{{/* The subject of the bindings. */}}
{{- define "mgnet.subject" -}}
- kind: ServiceAccount
  name: {{ include "mgnet.serviceAccountName" . }}
  namespace: {{ .Release.Namespace }}
{{- end }}

{{/* The common fields of an endpoint in a PodMonitor or ServiceMonitor: a list of the root and the values of the monitor. */}}
{{- define "mgnet.endpoint" -}}
{{- $root := index . 0 }}
{{- with index . 1 -}}
port: metrics
path: /metrics
{{- if $root.Values.metrics.tls.secretName }}
scheme: https
{{- end }}
interval: {{ .interval }}
{{- with .scrapeTimeout }}
scrapeTimeout: {{ . }}
{{- end }}
honorLabels: {{ .honorLabels }}
{{- with .relabelings }}
relabelings:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .metricRelabelings }}
metricRelabelings:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .endpointConfig }}
{{ toYaml . }}
{{- end }}
{{- end }}
{{- end }}
