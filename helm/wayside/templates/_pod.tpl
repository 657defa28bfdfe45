{{- define "wayside.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
runAsUser: {{ int .Values.security.uid }}
runAsGroup: {{ int .Values.security.gid }}
capabilities:
  drop: [ALL]
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "wayside.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ int .Values.security.uid }}
runAsGroup: {{ int .Values.security.gid }}
fsGroup: {{ int .Values.security.gid }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "wayside.probes" -}}
startupProbe:
  httpGet: {path: /healthz, port: {{ .port }}}
  periodSeconds: {{ int .root.Values.probes.startup.periodSeconds }}
  failureThreshold: {{ int .root.Values.probes.startup.failureThreshold }}
livenessProbe:
  httpGet: {path: /healthz, port: {{ .port }}}
  periodSeconds: {{ int .root.Values.probes.liveness.periodSeconds }}
  failureThreshold: {{ int .root.Values.probes.liveness.failureThreshold }}
  timeoutSeconds: 5
readinessProbe:
  httpGet: {path: /readyz, port: {{ .port }}}
  periodSeconds: {{ int .root.Values.probes.readiness.periodSeconds }}
  failureThreshold: {{ int .root.Values.probes.readiness.failureThreshold }}
  timeoutSeconds: 5
{{- end }}

{{- define "wayside.lifecycle" -}}
{{- if gt (int .) 0 }}
lifecycle:
  preStop:
    sleep: {seconds: {{ int . }}}
{{- end }}
{{- end }}

{{- /* Each object is one folder, so that the kubelet swaps it as a whole and the watchers see it. */}}
{{- define "wayside.objectVolume" -}}
- name: {{ .name }}
  {{- if .of.secret }}
  secret:
    secretName: {{ .of.secret }}
    defaultMode: 0440
  {{- else }}
  configMap:
    name: {{ .of.configMap }}
    defaultMode: 0444
  {{- end }}
{{- end }}

{{- define "wayside.secretVolume" -}}
- name: {{ .name }}
  secret:
    secretName: {{ .secret }}
    defaultMode: 0440
{{- end }}

{{- define "wayside.mount" -}}
- name: {{ . }}
  mountPath: /etc/wayside/{{ . }}
  readOnly: true
{{- end }}

{{- define "wayside.trustVolumes" -}}
{{- if or .Values.commands.rootKey.configMap .Values.commands.rootKey.secret }}
{{ include "wayside.objectVolume" (dict "name" "root-key" "of" .Values.commands.rootKey) }}
{{- end }}
{{- if or .Values.commands.trustLists.configMap .Values.commands.trustLists.secret }}
{{ include "wayside.objectVolume" (dict "name" "trust" "of" .Values.commands.trustLists) }}
{{- else if or .Values.commands.rootKey.configMap .Values.commands.rootKey.secret }}
- name: trust
  emptyDir: {sizeLimit: 1Mi}
{{- end }}
{{- end }}

{{- define "wayside.regionKeyVolume" -}}
{{- if .Values.regionKey.existingSecret }}
{{ include "wayside.secretVolume" (dict "name" "region-key" "secret" .Values.regionKey.existingSecret) }}
{{- end }}
{{- end }}

{{- define "wayside.trustMounts" -}}
{{- if or .Values.commands.rootKey.configMap .Values.commands.rootKey.secret }}
{{ include "wayside.mount" "root-key" }}
{{ include "wayside.mount" "trust" }}
{{- end }}
{{- end }}

{{- define "wayside.regionKeyMount" -}}
{{- if .Values.regionKey.existingSecret }}
{{ include "wayside.mount" "region-key" }}
{{- end }}
{{- end }}

{{- define "wayside.scratchVolumes" -}}
- name: run
  emptyDir: {medium: Memory, sizeLimit: 16Mi}
- name: tmp
  emptyDir: {sizeLimit: 64Mi}
{{- end }}

{{- define "wayside.scratchMounts" -}}
- name: run
  mountPath: /run/wayside
- name: tmp
  mountPath: /tmp
{{- end }}

{{- define "wayside.extraMounts" -}}
{{- with . }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- /* What both roles say about their pods beside containers and volumes. */}}
{{- define "wayside.podSettings" -}}
serviceAccountName: {{ include "wayside.serviceAccountName" . }}
automountServiceAccountToken: false
enableServiceLinks: false
terminationGracePeriodSeconds: {{ int .Values.terminationGracePeriodSeconds }}
securityContext:
  {{- include "wayside.podSecurity" . | nindent 2 }}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
topologySpreadConstraints:
  {{- if .Values.topologySpreadConstraints }}
  {{- toYaml .Values.topologySpreadConstraints | nindent 2 }}
  {{- else }}
  {{- range $key := list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - maxSkew: 1
    topologyKey: {{ $key }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        app.kubernetes.io/name: {{ include "wayside.name" $ }}
        app.kubernetes.io/component: {{ $.Values.role }}
  {{- end }}
  {{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- /* No chart version here: a new chart with the same pods must not restart them. */}}
{{- define "wayside.podMetadata" -}}
annotations:
  checksum/config: {{ include "wayside.configData" . | sha256sum }}
  {{- with .Values.podAnnotations }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
labels:
  {{- include "wayside.selectorLabels" . | nindent 2 }}
  {{- with .Values.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{- define "wayside.statefulSetSettings" -}}
replicas: {{ int .Values.replicas }}
serviceName: {{ include "wayside.fullname" . }}-headless
podManagementPolicy: OrderedReady
minReadySeconds: {{ int .Values.minReadySeconds }}
updateStrategy:
  type: RollingUpdate
  rollingUpdate:
    partition: {{ int .Values.updateStrategy.partition }}
persistentVolumeClaimRetentionPolicy:
  whenDeleted: Retain
  whenScaled: Retain
selector:
  matchLabels:
    {{- include "wayside.selectorLabels" . | nindent 4 }}
{{- end }}

{{- /* Labels that never change: a template of claims is immutable, so no version stands in it. */}}
{{- define "wayside.claim" -}}
- apiVersion: v1
  kind: PersistentVolumeClaim
  metadata:
    name: state
    labels:
      {{- include "wayside.selectorLabels" . | nindent 6 }}
    {{- with .Values.persistence.annotations }}
    annotations:
      {{- toYaml . | nindent 6 }}
    {{- end }}
  spec:
    accessModes:
      {{- toYaml .Values.persistence.accessModes | nindent 6 }}
    {{- with .Values.persistence.storageClassName }}
    storageClassName: {{ . }}
    {{- end }}
    resources:
      requests:
        storage: {{ .Values.persistence.size }}
{{- end }}
