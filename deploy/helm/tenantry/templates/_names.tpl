{{- define "tenantry.name" -}}
{{- if contains "tenantry" .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-tenantry" .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "tenantry.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}{{ .repository }}@{{ .digest }}{{- else -}}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{- end -}}
{{- end -}}
{{- end -}}

{{- define "tenantry.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
app.kubernetes.io/name: tenantry
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- /* What is the same in each pod: of servers, of workers and of the job that migrates. */ -}}
{{- define "tenantry.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: { type: RuntimeDefault }
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
volumes:
  # Certificates and what Envoy reads, made anew by each start. All else is in the database.
  - name: data
    emptyDir: { sizeLimit: 256Mi }
  - name: secrets
    projected:
      defaultMode: 0440
      sources:
        {{- range $setting, $secret := .Values.secrets }}
        - secret:
            name: {{ $secret.name }}
            items: [{ key: {{ $secret.key | quote }}, path: {{ $setting }} }]
        {{- end }}
  {{- with .Values.tls.secretName }}
  - name: tls
    secret: { secretName: {{ . }}, defaultMode: 0440 }
  {{- end }}
{{- end -}}

{{- define "tenantry.container" -}}
image: {{ include "tenantry.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
resources: {{ toYaml .Values.resources | nindent 2 }}
volumeMounts:
  - { name: data, mountPath: /var/lib/tenantry }
  - { name: secrets, mountPath: /run/secrets/tenantry, readOnly: true }
  {{- if .Values.tls.secretName }}
  - { name: tls, mountPath: /etc/tenantry/tls, readOnly: true }
  {{- end }}
env:
  - { name: TENANTRY_PUBLIC_URL, value: {{ .Values.publicUrl | quote }} }
  - { name: TENANTRY_DRAIN_SECONDS, value: {{ .Values.drainSeconds | quote }} }
  {{- if gt (int .Values.worker.replicas) 0 }}
  - { name: TENANTRY_BACKGROUND, value: "false" }
  {{- end }}
  {{- if .Values.metrics.enabled }}
  - { name: TENANTRY_METRICS_LISTEN, value: "0.0.0.0:{{ .Values.metrics.port }}" }
  {{- end }}
  {{- if .Values.tls.secretName }}
  - { name: TENANTRY_TLS_CERT, value: /etc/tenantry/tls/tls.crt }
  - { name: TENANTRY_TLS_KEY, value: /etc/tenantry/tls/tls.key }
  {{- end }}
  {{- range $setting, $_ := .Values.secrets }}
  - { name: TENANTRY_{{ upper $setting }}_FILE, value: /run/secrets/tenantry/{{ $setting }} }
  {{- end }}
  {{- range $setting, $value := .Values.settings }}
  - name: TENANTRY_{{ upper $setting }}
    value: {{ ternary (int64 $value) $value (kindIs "float64" $value) | toString | quote }}
  {{- end }}
  {{- with .Values.env }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{- define "tenantry.deployment" -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .name }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "tenantry.labels" .root | nindent 4 }}
    app.kubernetes.io/component: {{ .component }}
spec:
  {{- if .replicas }}
  replicas: {{ .replicas }}
  {{- end }}
  selector:
    matchLabels: {{ include "tenantry.selector" . | nindent 6 }}
  strategy:
    type: RollingUpdate
    rollingUpdate: { maxUnavailable: 0, maxSurge: 1 }
  template:
    metadata:
      labels:
        {{- include "tenantry.labels" .root | nindent 8 }}
        app.kubernetes.io/component: {{ .component }}
        {{- with .root.Values.podLabels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- with .root.Values.podAnnotations }}
      annotations: {{ toYaml . | nindent 8 }}
      {{- end }}
    spec:
      {{- include "tenantry.pod" .root | nindent 6 }}
      serviceAccountName: {{ include "tenantry.name" .root }}
      # Longer than drainSeconds by what requests in flight and the work beside them may take.
      terminationGracePeriodSeconds: {{ add .root.Values.drainSeconds 20 }}
      topologySpreadConstraints:
        - maxSkew: 1
          topologyKey: kubernetes.io/hostname
          whenUnsatisfiable: ScheduleAnyway
          labelSelector:
            matchLabels: {{ include "tenantry.selector" . | nindent 14 }}
      containers:
        - name: {{ .component }}
          args: [{{ .command }}]
          {{- if or .root.Values.metrics.enabled (eq .component "server") }}
          ports:
            {{- if eq .component "server" }}
            - { name: https, containerPort: 8443 }
            {{- end }}
            {{- if .root.Values.metrics.enabled }}
            - { name: metrics, containerPort: {{ .root.Values.metrics.port }} }
            {{- end }}
          {{- end }}
          {{- include "tenantry.container" .root | nindent 10 }}
{{- end -}}

{{- define "tenantry.selector" -}}
app.kubernetes.io/name: tenantry
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}
