{{- /* What the chart itself says in each configuration, as YAML; `broker.config` and `bridge.config` are laid over it. */}}

{{- define "wayside.trustFiles" -}}
{{- $files := dict }}
{{- if or .Values.commands.rootKey.configMap .Values.commands.rootKey.secret }}
{{- $_ := set $files "root_key_file" (printf "/etc/wayside/root-key/%s" .Values.commands.rootKey.key) }}
{{- end }}
{{- if or .Values.commands.trustLists.configMap .Values.commands.trustLists.secret .Values.commands.rootKey.configMap .Values.commands.rootKey.secret }}
{{- $_ := set $files "trust_dir" "/etc/wayside/trust" }}
{{- end }}
{{- toYaml $files }}
{{- end }}

{{- define "wayside.metricsAndLog" -}}
metrics:
  listen: {{ printf "%s:%d" .root.Values.listenAddress (int .port) | quote }}
log:
  format: json
{{- end }}

{{- define "wayside.brokerListener" -}}
listen: {{ printf "%s:%d" .root.Values.listenAddress (int .port) | quote }}
certificate: /etc/wayside/server/tls.crt
key: /etc/wayside/server/tls.key
ca: /etc/wayside/{{ .of }}-ca/{{ .authority.caKey }}
{{- if .authority.crlKey }}
crl: /etc/wayside/{{ .of }}-ca/{{ .authority.crlKey }}
{{- end }}
{{- end }}

{{- define "wayside.broker.own" -}}
edge:
  name: {{ .Values.edge.name | quote }}
  region: {{ .Values.edge.region | quote }}
  state_dir: /var/lib/wayside/state
  run_dir: /run/wayside/edge
vehicles:
  {{- include "wayside.brokerListener" (dict "root" . "of" "vehicles" "port" .Values.broker.ports.vehicles "authority" .Values.authorities.vehicles) | nindent 2 }}
{{- if .Values.broker.serviceClients }}
services:
  {{- include "wayside.brokerListener" (dict "root" . "of" "services" "port" .Values.broker.ports.services "authority" .Values.authorities.services) | nindent 2 }}
{{- end }}
commands:
  {{- include "wayside.trustFiles" . | nindent 2 }}
{{ include "wayside.metricsAndLog" (dict "root" . "port" .Values.broker.ports.metrics) }}
{{- if .Values.regionKey.existingSecret }}
privacy:
  region_key_file: /etc/wayside/region-key/{{ .Values.regionKey.key }}
{{- end }}
{{- end }}

{{- /* One run folder of both processes: `wayside status` looks there for them. */}}
{{- define "wayside.bridgeEdge.own" -}}
edge:
  name: {{ .Values.edge.name | quote }}
  region: {{ .Values.edge.region | quote }}
  state_dir: /var/lib/wayside/state
  run_dir: /run/wayside/edge
  broker_socket: /run/wayside/edge/bridge.sock
core:
  ca: /etc/wayside/links-ca/{{ .Values.authorities.links.caKey }}
  certificate: /etc/wayside/link/tls.crt
  key: /etc/wayside/link/tls.key
{{ include "wayside.metricsAndLog" (dict "root" . "port" .Values.bridge.metricsPort) }}
{{- end }}

{{- /* The folder of its own edge is empty: the bridge of that edge is none of this pod, and may not run. */}}
{{- define "wayside.adopt.own" -}}
edge:
  name: {{ .Values.edge.name | quote }}
  region: {{ .Values.edge.region | quote }}
  state_dir: /run/wayside/none
  run_dir: /run/wayside/bridge
core:
  ca: /etc/wayside/links-ca/{{ .Values.authorities.links.caKey }}
  certificate: /etc/wayside/link/tls.crt
  key: /etc/wayside/link/tls.key
adopt:
  spool: /var/lib/wayside/state
  timeout_s: {{ int .Values.adopt.timeoutSeconds }}
log:
  format: json
{{- end }}

{{- define "wayside.bridgeCore.own" -}}
core:
  name: {{ .Values.core.name | quote }}
  state_dir: /var/lib/wayside/state
  run_dir: /run/wayside/bridge
broker:
  {{- if .Values.coreBroker.enabled }}
  address: localhost:{{ int .Values.coreBroker.ports.links }}
  {{- end }}
  ca: /etc/wayside/links-ca/{{ .Values.authorities.links.caKey }}
  certificate: /etc/wayside/link/tls.crt
  key: /etc/wayside/link/tls.key
{{- $trust := include "wayside.trustFiles" . | fromYaml }}
{{- if $trust }}
commands:
  {{- toYaml $trust | nindent 2 }}
{{- end }}
{{ include "wayside.metricsAndLog" (dict "root" . "port" .Values.bridge.metricsPort) }}
{{- end }}

{{- /* Mosquitto of the core: edges and the core's bridge on one listener, backends on the other; rights by CN. */}}
{{- define "wayside.coreBroker.listener" }}
listener {{ int .port }}{{ if eq .root.Values.listenAddress "0.0.0.0" }} 0.0.0.0{{ end }}
cafile /etc/wayside/{{ .of }}-ca/{{ .authority.caKey }}
{{- if .authority.crlKey }}
crlfile /etc/wayside/{{ .of }}-ca/{{ .authority.crlKey }}
{{- end }}
certfile /etc/wayside/server/tls.crt
keyfile /etc/wayside/server/tls.key
require_certificate true
use_identity_as_username true
acl_file /etc/wayside/config/{{ .of }}.acl
{{- end }}

{{- define "wayside.coreBroker.conf" -}}
per_listener_settings true
persistence true
persistence_location /var/lib/wayside/broker/
autosave_interval 60
log_dest stderr
log_type error
log_type warning
log_type notice
{{ include "wayside.coreBroker.listener" (dict "root" . "of" "links" "port" .Values.coreBroker.ports.links "authority" .Values.authorities.links) }}
{{ include "wayside.coreBroker.listener" (dict "root" . "of" "services" "port" .Values.coreBroker.ports.services "authority" .Values.authorities.services) }}
{{- end }}

{{- define "wayside.coreBroker.linksAcl" -}}
user {{ .Values.core.name }}
topic readwrite wayside/#
topic readwrite v1/#
{{- range .Values.bridge.config.edge }}

user {{ .name }}
topic readwrite wayside/{{ .name }}/#
{{- end }}
{{- end }}

{{- define "wayside.coreBroker.servicesAcl" -}}
{{- range $i, $backend := .Values.coreBroker.backends }}
{{- if $i }}

{{ end -}}
user {{ $backend.name }}
topic read v1/#
{{- if $backend.requests }}
topic write v1/+/request
topic read wayside/answer/{{ $backend.name }}
{{- end }}
{{- end }}
{{- end }}

{{- /* The files of /etc/wayside/config. */}}
{{- define "wayside.configData" -}}
{{- if eq .Values.role "edge" }}
broker.toml: |
  {{- include "wayside.toml" (mergeOverwrite (include "wayside.broker.own" . | fromYaml) (deepCopy .Values.broker.config)) | nindent 2 }}
bridge.toml: |
  {{- include "wayside.toml" (mergeOverwrite (include "wayside.bridgeEdge.own" . | fromYaml) (deepCopy .Values.bridge.config)) | nindent 2 }}
{{- else if eq .Values.role "adopt" }}
bridge.toml: |
  {{- include "wayside.toml" (mergeOverwrite (include "wayside.adopt.own" . | fromYaml) (deepCopy .Values.bridge.config)) | nindent 2 }}
{{- else }}
bridge.toml: |
  {{- include "wayside.toml" (mergeOverwrite (include "wayside.bridgeCore.own" . | fromYaml) (deepCopy .Values.bridge.config)) | nindent 2 }}
{{- if .Values.coreBroker.enabled }}
mosquitto.conf: |
  {{- include "wayside.coreBroker.conf" . | nindent 2 }}
links.acl: |
  {{- include "wayside.coreBroker.linksAcl" . | nindent 2 }}
services.acl: |
  {{- include "wayside.coreBroker.servicesAcl" . | nindent 2 }}
{{- end }}
{{- end }}
{{- end }}
