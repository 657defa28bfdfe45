{{- /* A tree of values as TOML. Helm reads every number as a float: whole ones are written as integers again. */}}
{{- define "wayside.toml.value" -}}
{{- if kindIs "string" . }}{{ toJson . }}
{{- else if kindIs "slice" . }}[{{ range $i, $item := . }}{{ if $i }}, {{ end }}{{ include "wayside.toml.value" $item }}{{ end }}]
{{- else if kindIs "float64" . }}{{ if eq (floor .) . }}{{ printf "%.0f" . }}{{ else }}{{ . }}{{ end }}
{{- else }}{{ . }}
{{- end }}
{{- end }}

{{- define "wayside.toml.keys" -}}
{{- range $key, $value := . }}
{{- if not (kindIs "invalid" $value) }}
{{ $key }} = {{ include "wayside.toml.value" $value }}
{{- end }}
{{- end }}
{{- end }}

{{- define "wayside.toml" -}}
{{- range $name, $tree := . }}
{{- if kindIs "map" $tree }}
[{{ $name }}]
{{- include "wayside.toml.keys" $tree }}
{{ else if kindIs "slice" $tree }}
{{- range $entry := $tree }}
[[{{ $name }}]]
{{- include "wayside.toml.keys" $entry }}
{{ end }}
{{- end }}
{{- end }}
{{- end }}
