{{- define "assay.name" -}}
{{- printf "%s-%s" .Release.Name "assay" | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "assay.labels" -}}
app.kubernetes.io/name: assay
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "assay.allLabels" -}}
{{ include "assay.labels" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end -}}

{{/* An image by digest when one is given, else by tag, else by the chart's application version. */}}
{{- define "assay.image" -}}
{{- $image := get .root.Values.images .name -}}
{{- if $image.digest -}}{{ $image.repository }}@{{ $image.digest }}
{{- else -}}{{ $image.repository }}:{{ $image.tag | default .root.Chart.AppVersion }}{{- end -}}
{{- end -}}

{{- define "assay.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}{{ .Values.serviceAccount.name | default (include "assay.name" .) }}
{{- else -}}{{ .Values.serviceAccount.name | default "default" }}{{- end -}}
{{- end -}}

{{- define "assay.claim" -}}
{{- .Values.home.existingClaim | default (printf "%s-home" (include "assay.name" .)) -}}
{{- end -}}

{{- define "assay.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "assay.security" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{/* What every pod of ours begins with. */}}
{{- define "assay.pod" -}}
serviceAccountName: {{ include "assay.serviceAccount" . }}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext: {{- include "assay.podSecurity" . | nindent 2 }}
{{- with .Values.images.pullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "assay.env" -}}
envFrom:
  - configMapRef: {name: {{ include "assay.name" . }}}
  - secretRef: {name: {{ .Values.settingsSecret }}}
{{- end -}}

{{/* Keys of the installation as files, only those named. */}}
{{- define "assay.keys" -}}
- name: keys
  secret:
    secretName: {{ .root.Values.keysSecret }}
    defaultMode: 0440
    items:
      {{- range .keys }}
      - {key: {{ . }}, path: {{ . }}}
      {{- end }}
{{- end -}}

{{- define "assay.engines" -}}
{{- $name := include "assay.name" . -}}
{{- $urls := list -}}
{{- range $i := until (int .Values.engine.replicas) -}}
{{- $urls = append $urls (printf "http://%s-engine-%d.%s-engine:30000" $name $i $name) -}}
{{- end -}}
{{- $urls | toJson -}}
{{- end -}}

{{- define "assay.gateways" -}}
{{- $name := include "assay.name" . -}}
{{- $urls := list -}}
{{- range $i := until (int .Values.gateway.replicas) -}}
{{- $urls = append $urls (printf "http://%s-gateway-%d.%s-gateway-pods:8080" $name $i $name) -}}
{{- end -}}
{{- $urls | toJson -}}
{{- end -}}

{{/* What the values say as environment variables, each a string; the values' own `settings` come before them. */}}
{{- define "assay.settings" -}}
ASSAY_HOME: /var/lib/assay
ASSAY_TEMPORAL_ADDRESS: {{ .Values.temporal.address | quote }}
ASSAY_TEMPORAL_NAMESPACE: {{ .Values.temporal.namespace | quote }}
{{- if .Values.temporal.configSecret }}
TEMPORAL_CONFIG_FILE: /etc/temporal/temporal.toml
{{- end }}
ASSAY_OPA_URL: http://{{ include "assay.name" . }}-opa:8181
ASSAY_ENGINE__URLS: {{ include "assay.engines" . | quote }}
# Workers admit by what the engines can hold, and prompts by what they can read: these are the engines' own options.
ASSAY_ENGINE__CONTEXT_LENGTH: {{ .Values.engine.contextLength | int64 | quote }}
ASSAY_ENGINE__MAX_LORAS: {{ .Values.engine.maxLoras | int64 | quote }}
ASSAY_ENGINE__MAX_LOADED_LORAS: {{ .Values.engine.maxLoadedLoras | int64 | quote }}
ASSAY_ENGINE__MAX_LORA_RANK: {{ .Values.engine.maxLoraRank | int64 | quote }}
ASSAY_ENGINE__MAX_TOTAL_TOKENS: {{ .Values.engine.maxTotalTokens | int64 | quote }}
# A flip is confirmed, and a canary counted, by every gateway: each by its pod's own stable address.
ASSAY_GATEWAY_URLS: {{ include "assay.gateways" . | quote }}
ASSAY_GATEWAY_HOST: 0.0.0.0
ASSAY_METRICS_HOST: 0.0.0.0
ASSAY_LOG_FORMAT: json
{{- with .Values.telemetry.otlpEndpoint }}
ASSAY_OTLP_ENDPOINT: {{ . | quote }}
ASSAY_TRACE_SAMPLE_RATIO: {{ $.Values.telemetry.traceSampleRatio | quote }}
{{- end }}
{{- end -}}
