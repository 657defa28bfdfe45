{{- define "wayside.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- /* 50: room for "-headless" and for the hash that a StatefulSet appends. */}}
{{- define "wayside.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else if contains (include "wayside.name" .) .Release.Name }}
{{- .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "wayside.name" .) | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "wayside.selectorLabels" -}}
app.kubernetes.io/name: {{ include "wayside.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: {{ .Values.role }}
{{- end }}

{{- define "wayside.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/version: {{ default .Chart.AppVersion .Values.image.tag | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: wayside
{{ include "wayside.selectorLabels" . }}
{{- end }}

{{- define "wayside.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end }}
{{- end }}

{{- define "wayside.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "wayside.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- /* The name that the certificate of the link carries. */}}
{{- define "wayside.site" -}}
{{- if eq .Values.role "core" }}{{ .Values.core.name }}{{ else }}{{ .Values.edge.name }}{{ end }}
{{- end }}

{{- define "wayside.publicPorts" -}}
{{- if .Values.service.public.ports }}{{ toJson .Values.service.public.ports }}
{{- else if eq .Values.role "edge" }}[8883, 443]
{{- else }}[8883]
{{- end }}
{{- end }}

{{- /* The role's listeners as they are in the pod. */}}
{{- define "wayside.publicPort" -}}
{{- if eq .Values.role "edge" }}{{ int .Values.broker.ports.vehicles }}{{ else }}{{ int .Values.coreBroker.ports.links }}{{ end }}
{{- end }}
{{- define "wayside.clientsPort" -}}
{{- if eq .Values.role "edge" }}{{ int .Values.broker.ports.services }}{{ else }}{{ int .Values.coreBroker.ports.services }}{{ end }}
{{- end }}
{{- define "wayside.hasPublic" -}}
{{- if eq .Values.role "edge" }}yes{{ else if and (eq .Values.role "core") .Values.coreBroker.enabled }}yes{{ end }}
{{- end }}
{{- define "wayside.hasClients" -}}
{{- if eq .Values.role "edge" }}{{ if .Values.broker.serviceClients }}yes{{ end }}
{{- else if include "wayside.hasPublic" . }}yes
{{- end }}
{{- end }}

{{- define "wayside.serverSecret" -}}
{{- if .Values.certificates.server.certManager.enabled }}{{ include "wayside.fullname" . }}-server{{ else }}{{ .Values.certificates.server.existingSecret }}{{ end }}
{{- end }}
{{- define "wayside.linkSecret" -}}
{{- if .Values.certificates.link.certManager.enabled }}{{ include "wayside.fullname" . }}-link{{ else }}{{ .Values.certificates.link.existingSecret }}{{ end }}
{{- end }}
