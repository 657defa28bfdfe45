{{- /* What a schema cannot say in a sentence that helps. */}}

{{- /* Longest drains in seconds, as the processes have them: gate 5, local broker 3; link 2, two connections 1 each. */}}
{{- define "wayside.drain.broker" -}}8{{- end }}
{{- define "wayside.drain.bridge" -}}4{{- end }}
{{- define "wayside.drain.coreBroker" -}}5{{- end }}

{{- /* A bridge outlives the broker beside it, and a core broker its bridge: what is sent last still arrives. */}}
{{- define "wayside.preStop.bridge" -}}
{{- if eq .Values.role "edge" }}{{ add (int .Values.preStopSeconds) (include "wayside.drain.broker" .) }}{{ else }}{{ int .Values.preStopSeconds }}{{ end }}
{{- end }}
{{- define "wayside.preStop.coreBroker" -}}
{{ add (int .Values.preStopSeconds) (include "wayside.drain.bridge" .) }}
{{- end }}
{{- define "wayside.gracePeriodMin" -}}
{{- if eq .Values.role "edge" }}{{ add (include "wayside.preStop.bridge" .) (include "wayside.drain.bridge" .) 1 }}
{{- else if eq .Values.role "adopt" }}{{ add (include "wayside.drain.bridge" .) 1 }}
{{- else }}{{ add (include "wayside.preStop.coreBroker" .) (include "wayside.drain.coreBroker" .) 1 }}
{{- end }}
{{- end }}

{{- /* A Kubernetes quantity of whole bytes as a number. */}}
{{- define "wayside.bytes" -}}
{{- $units := dict "" 1 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 "k" 1000 "M" 1000000 "G" 1000000000 "T" 1000000000000 }}
{{- mul (regexFind "^[0-9]+" .) (get $units (regexFind "[A-Za-z]*$" .)) }}
{{- end }}

{{- define "wayside.check.owned" -}}
{{- $config := index .Values .process "config" }}
{{- $process := .process }}
{{- range $path := .keys }}
{{- $parts := splitList "." $path }}
{{- $section := get $config (first $parts) }}
{{- if and (kindIs "map" $section) (hasKey $section (last $parts)) }}
{{- fail (printf "%s.config.%s: the chart sets this key; leave it out" $process $path) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "wayside.check.object" -}}
{{- if and .of.secret .of.configMap }}{{ fail (printf "%s: a secret or a configMap, not both" .name) }}{{ end }}
{{- if and .needed (not .of.secret) (not .of.configMap) }}{{ fail (printf "%s: name the secret or configMap that holds %s" .name .what) }}{{ end }}
{{- end }}

{{- define "wayside.check.certificate" -}}
{{- if and .of.existingSecret .of.certManager.enabled }}{{ fail (printf "%s: existingSecret or certManager, not both" .name) }}{{ end }}
{{- if and .of.certManager.enabled (not .of.certManager.issuerRef.name) }}{{ fail (printf "%s.certManager.issuerRef.name: which issuer?" .name) }}{{ end }}
{{- if not (or .of.existingSecret .of.certManager.enabled) }}{{ fail (printf "%s: name an existingSecret (tls.crt, tls.key) or enable certManager" .name) }}{{ end }}
{{- end }}

{{- define "wayside.check.edge" -}}
{{- if gt (int .Values.replicas) 1 }}{{ fail (printf "replicas: %d pods of one edge would be %d edges of one name. An edge is one writer of one volume; install one release an edge" (int .Values.replicas) (int .Values.replicas)) }}{{ end }}
{{- if not .Values.edge.name }}{{ fail "edge.name: which edge is it? It is the CN of its link certificate" }}{{ end }}
{{- if not .Values.edge.region }}{{ fail "edge.region: which region do its grants name?" }}{{ end }}
{{- $core := default dict .Values.bridge.config.core }}
{{- if not $core.address }}{{ fail "bridge.config.core.address: host:port of the core's broker is needed" }}{{ end }}
{{- include "wayside.check.owned" (dict "Values" .Values "process" "broker" "keys" (list "edge.name" "edge.region" "edge.state_dir" "edge.run_dir" "vehicles.listen" "vehicles.certificate" "vehicles.key" "vehicles.ca" "vehicles.crl" "services.listen" "services.certificate" "services.key" "services.ca" "services.crl" "commands.root_key_file" "commands.trust_dir" "metrics.listen" "privacy.region_key_file")) }}
{{- include "wayside.check.owned" (dict "Values" .Values "process" "bridge" "keys" (list "edge.name" "edge.region" "edge.state_dir" "edge.run_dir" "edge.broker_socket" "core.ca" "core.certificate" "core.key" "adopt.spool" "adopt.timeout_s" "metrics.listen")) }}
{{- include "wayside.check.object" (dict "name" "authorities.vehicles" "of" .Values.authorities.vehicles "needed" true "what" "the CA bundle of vehicles") }}
{{- include "wayside.check.object" (dict "name" "commands.rootKey" "of" .Values.commands.rootKey "needed" true "what" "the public root key of trust") }}
{{- if .Values.broker.serviceClients }}
{{- include "wayside.check.object" (dict "name" "authorities.services" "of" .Values.authorities.services "needed" true "what" "the CA bundle of services; or set broker.serviceClients to false") }}
{{- end }}
{{- include "wayside.check.certificate" (dict "name" "certificates.server" "of" .Values.certificates.server) }}
{{- include "wayside.check.edgeVolume" . }}
{{- end }}

{{- define "wayside.check.edgeVolume" -}}
{{- $custody := default dict .Values.broker.config.custody }}
{{- $commands := default dict .Values.broker.config.commands }}
{{- $lanes := add (int64 (default 33554432 $custody.lane_command_bytes_max)) (int64 (default 67108864 $custody.lane_ack_bytes_max)) (int64 (default 268435456 $custody.lane_event_bytes_max)) (int64 (default 1073741824 $custody.lane_state_bytes_max)) (int64 (default 536870912 $custody.lane_bulk_bytes_max)) }}
{{- $total := int64 (default 0 $custody.total_bytes_max) }}
{{- if gt $total 0 }}{{ $lanes = min $lanes $total }}{{ end }}
{{- $reserve := 67108864 }}
{{- if hasKey $custody "volume_reserve_bytes" }}{{ $reserve = int64 $custody.volume_reserve_bytes }}{{ end }}
{{- $need := add $lanes (int64 (default 67108864 $commands.open_bytes_max)) $reserve }}
{{- if lt (int64 (include "wayside.bytes" .Values.persistence.size)) (int64 $need) }}
{{- fail (printf "persistence.size: %s is less than the %d bytes that broker.config.custody and commands.open_bytes_max may take; the broker would not start" .Values.persistence.size $need) }}
{{- end }}
{{- end }}

{{- define "wayside.check.adopt" -}}
{{- if not .Values.adopt.claim }}{{ fail "adopt.claim: which volume? Name its PersistentVolumeClaim" }}{{ end }}
{{- if not .Values.edge.name }}{{ fail "edge.name: which edge adopts it? Its entry at the core needs `adopts`" }}{{ end }}
{{- if not .Values.edge.region }}{{ fail "edge.region: which region is the adopting edge of?" }}{{ end }}
{{- if .Values.broker.config }}{{ fail "broker.config: role adopt runs no wayside-broker" }}{{ end }}
{{- $core := default dict .Values.bridge.config.core }}
{{- if not $core.address }}{{ fail "bridge.config.core.address: host:port of the core's broker is needed" }}{{ end }}
{{- include "wayside.check.owned" (dict "Values" .Values "process" "bridge" "keys" (list "edge.name" "edge.region" "edge.state_dir" "edge.run_dir" "edge.broker_socket" "core.ca" "core.certificate" "core.key" "adopt.spool" "adopt.timeout_s")) }}
{{- end }}

{{- define "wayside.check.core" -}}
{{- if gt (int .Values.replicas) 1 }}{{ fail (printf "replicas: a core is one writer of its core log; %d pods cannot share it" (int .Values.replicas)) }}{{ end }}
{{- if not .Values.core.name }}{{ fail "core.name: which core is it? It is the CN of its link certificate" }}{{ end }}
{{- if .Values.broker.config }}{{ fail "broker.config: role core runs no wayside-broker; the core's own broker is set by coreBroker" }}{{ end }}
{{- if not .Values.bridge.config.edge }}{{ fail "bridge.config.edge: a core without an edge accepts nothing" }}{{ end }}
{{- if not .Values.bridge.config.sink }}{{ fail "bridge.config.sink: without a sink the core log would only fill" }}{{ end }}
{{- $broker := default dict .Values.bridge.config.broker }}
{{- if and .Values.coreBroker.enabled $broker.address }}{{ fail "bridge.config.broker.address: the chart sets this key; leave it out, or set coreBroker.enabled to false" }}{{ end }}
{{- if not (or .Values.coreBroker.enabled $broker.address) }}{{ fail "bridge.config.broker.address: host:port of your core broker is needed without coreBroker.enabled" }}{{ end }}
{{- include "wayside.check.owned" (dict "Values" .Values "process" "bridge" "keys" (list "core.name" "core.state_dir" "core.run_dir" "broker.ca" "broker.certificate" "broker.key" "commands.root_key_file" "commands.trust_dir" "metrics.listen")) }}
{{- range .Values.bridge.config.sink }}
{{- if and (eq .type "file") (not (hasPrefix "/var/lib/wayside/" (default "" .path))) }}{{ fail (printf "bridge.config.sink: path %q of a file sink is not on the volume; put it below /var/lib/wayside/" (default "" .path)) }}{{ end }}
{{- end }}
{{- include "wayside.check.object" (dict "name" "commands.rootKey" "of" .Values.commands.rootKey "needed" false) }}
{{- if .Values.coreBroker.enabled }}
{{- include "wayside.check.object" (dict "name" "authorities.services" "of" .Values.authorities.services "needed" true "what" "the CA bundle of backends") }}
{{- include "wayside.check.certificate" (dict "name" "certificates.server" "of" .Values.certificates.server) }}
{{- end }}
{{- end }}

{{- define "wayside.check" -}}
{{- include (printf "wayside.check.%s" .Values.role) . }}
{{- include "wayside.check.object" (dict "name" "authorities.links" "of" .Values.authorities.links "needed" true "what" "the CA bundle of the link") }}
{{- include "wayside.check.object" (dict "name" "commands.trustLists" "of" .Values.commands.trustLists "needed" false) }}
{{- include "wayside.check.certificate" (dict "name" "certificates.link" "of" .Values.certificates.link) }}
{{- $least := int (include "wayside.gracePeriodMin" .) }}
{{- if lt (int .Values.terminationGracePeriodSeconds) $least }}{{ fail (printf "terminationGracePeriodSeconds: %d ends the pod before it has drained; preStopSeconds and the drains take up to %d" (int .Values.terminationGracePeriodSeconds) $least) }}{{ end }}
{{- end }}
