{{- define "muster.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "muster.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains (include "muster.name" .) .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "muster.name" .) | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "muster.webhookName" -}}
{{ include "muster.fullname" . }}-webhook
{{- end -}}

{{- /* Labels that never change, for selectors. Takes (list $ component). */ -}}
{{- define "muster.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ include "muster.name" $root }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{- define "muster.labels" -}}
{{- $root := index . 0 -}}
{{ include "muster.selector" . }}
app.kubernetes.io/part-of: muster
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{- /* With SQLite, whatever reads the file is in the pod that writes it. */ -}}
{{- define "muster.webhookComponent" -}}
{{- if eq .Values.store.engine "sqlite" -}}controller{{- else -}}webhook{{- end -}}
{{- end -}}

{{- define "muster.webhookAccount" -}}
{{- if eq .Values.store.engine "sqlite" -}}{{ include "muster.fullname" . }}{{- else -}}{{ include "muster.webhookName" . }}{{- end -}}
{{- end -}}

{{- define "muster.webhookSecret" -}}
{{- if eq .Values.webhook.certificate.source "secret" -}}
{{ required "webhook.certificate.secretName names the Secret of the certificate" .Values.webhook.certificate.secretName }}
{{- else -}}
{{ include "muster.webhookName" . }}-tls
{{- end -}}
{{- end -}}

{{- define "muster.controllerReplicas" -}}
{{- if eq .Values.store.engine "sqlite" -}}1{{- else -}}{{ .Values.controller.replicas | default 2 | int }}{{- end -}}
{{- end -}}

{{- define "muster.webhookReplicas" -}}
{{ .Values.webhook.replicas | default 2 | int }}
{{- end -}}

{{- define "muster.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}{{ .repository }}@{{ .digest }}{{- else -}}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{- end -}}
{{- end -}}
{{- end -}}

{{- /* The nine kinds, by the names of their resources. Takes a suffix, such as "/status". */ -}}
{{- define "muster.resources" -}}
{{- $suffix := . -}}
{{- range list "accesstests" "credentials" "members" "membershiptypes" "organizations" "projects" "roles" "templates" "workspaces" }}
- {{ . }}{{ $suffix }}
{{- end -}}
{{- end -}}

{{- /* What the controller does with the objects that it watches. */ -}}
{{- define "muster.objectRules" -}}
- apiGroups: [muster.dev]
  resources:
    {{- include "muster.resources" "" | trim | nindent 2 }}
  verbs: [get, list, watch]
- apiGroups: [muster.dev]
  resources:
    {{- include "muster.resources" "/status" | trim | nindent 2 }}
  verbs: [update]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create]
{{- if .Values.backends.enabled }}
# The credentials of services, and the secrets that services make. The names are in the documents, so no rule can know them.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, create, update]
{{- end }}
{{- end -}}

{{- define "muster.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "muster.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
privileged: false
capabilities: {drop: [ALL]}
{{- end -}}

{{- /* The store, and how much is logged. Takes (list $ secret). */ -}}
{{- define "muster.env" -}}
{{- $root := index . 0 -}}
{{- $secret := index . 1 -}}
- name: MUSTER_STORE
{{- if eq $root.Values.store.engine "sqlite" }}
  value: sqlite:///var/lib/muster/muster.db
{{- else }}
  valueFrom:
    secretKeyRef:
      name: {{ required "store.secret.name names the Secret that holds the URL of the PostgreSQL store" $secret.name | quote }}
      key: {{ $secret.key | quote }}
{{- end }}
{{- with $root.Values.log.level }}
- name: MUSTER_LOG
  value: {{ . | quote }}
{{- end }}
{{- end -}}

{{- define "muster.probes" -}}
startupProbe:
  httpGet: {path: /healthz, port: {{ . }}}
  periodSeconds: 2
  failureThreshold: 60
livenessProbe:
  httpGet: {path: /healthz, port: {{ . }}}
  periodSeconds: 10
  timeoutSeconds: 3
  failureThreshold: 3
readinessProbe:
  httpGet: {path: /readyz, port: {{ . }}}
  periodSeconds: 5
  timeoutSeconds: 3
  failureThreshold: 3
{{- end -}}

{{- /* Where pods go. Takes (list $ component values). */ -}}
{{- define "muster.scheduling" -}}
{{- $values := index . 2 -}}
{{- with $values.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if kindIs "slice" $values.topologySpreadConstraints }}
{{- with $values.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- else }}
topologySpreadConstraints:
{{- $arguments := . }}
{{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
- maxSkew: 1
  topologyKey: {{ . }}
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels:
      {{- include "muster.selector" $arguments | nindent 6 }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "muster.controllerContainer" -}}
{{- $values := .Values.controller -}}
name: controller
image: {{ include "muster.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
args:
- controller
- --manager={{ .Values.manager }}
- --listen=0.0.0.0:8080
- --lease={{ .Release.Namespace }}/{{ include "muster.fullname" . }}
- --lease-duration={{ $values.leaseDuration }}
- --request-timeout={{ $values.requestTimeout }}
- --concurrency={{ $values.concurrency | int }}
- --log-format={{ .Values.log.format }}
{{- range .Values.watchNamespaces }}
- --watch-namespace={{ . }}
{{- end }}
{{- if .Values.backends.enabled }}
- --backends
{{- range .Values.backends.allow }}
- --backend-allow={{ . }}
{{- end }}
{{- end }}
{{- with .Values.tracing.otlpEndpoint }}
- --otlp-endpoint={{ . }}
{{- end }}
{{- range $values.extraArgs }}
- {{ . | quote }}
{{- end }}
env:
{{- include "muster.env" (list . .Values.store.secret) | nindent 0 }}
{{- with $values.env }}
{{- toYaml . | nindent 0 }}
{{- end }}
{{- with $values.envFrom }}
envFrom:
{{- toYaml . | nindent 0 }}
{{- end }}
ports:
- {name: http, containerPort: 8080}
{{ include "muster.probes" "http" }}
resources:
  {{- toYaml $values.resources | nindent 2 }}
securityContext:
  {{- include "muster.containerSecurity" . | nindent 2 }}
volumeMounts:
- {name: tmp, mountPath: /tmp}
{{- if eq .Values.store.engine "sqlite" }}
- {name: store, mountPath: /var/lib/muster}
{{- end }}
{{- with $values.volumeMounts }}
{{- toYaml . | nindent 0 }}
{{- end }}
{{- end -}}

{{- define "muster.webhookContainer" -}}
{{- $values := .Values.webhook -}}
name: webhook
image: {{ include "muster.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
args:
- webhook
- --manager={{ .Values.manager }}
- --listen=0.0.0.0:9443
- --metrics-listen=0.0.0.0:8081
{{- if eq $values.certificate.source "selfSigned" }}
- --self-signed
- --secret={{ .Release.Namespace }}/{{ include "muster.webhookSecret" . }}
- --service={{ include "muster.webhookName" . }}.{{ .Release.Namespace }}
- --configuration={{ include "muster.webhookName" . }}
{{- else }}
- --cert-dir=/etc/muster/tls
{{- end }}
- --log-format={{ .Values.log.format }}
{{- with .Values.tracing.otlpEndpoint }}
- --otlp-endpoint={{ . }}
{{- end }}
{{- with $values.oidcPrefix }}
- {{ printf "--oidc-prefix=%s" . | quote }}
{{- end }}
{{- range $values.exemptUsers }}
- {{ printf "--exempt-user=%s" . | quote }}
{{- end }}
{{- range $values.extraArgs }}
- {{ . | quote }}
{{- end }}
env:
{{- include "muster.env" (list . (ternary $values.storeSecret .Values.store.secret (ne $values.storeSecret.name ""))) | nindent 0 }}
{{- with $values.env }}
{{- toYaml . | nindent 0 }}
{{- end }}
{{- with $values.envFrom }}
envFrom:
{{- toYaml . | nindent 0 }}
{{- end }}
ports:
- {name: webhook, containerPort: 9443}
- {name: webhook-http, containerPort: 8081}
{{ include "muster.probes" "webhook-http" }}
resources:
  {{- toYaml $values.resources | nindent 2 }}
securityContext:
  {{- include "muster.containerSecurity" . | nindent 2 }}
volumeMounts:
- {name: tmp, mountPath: /tmp}
{{- if eq .Values.store.engine "sqlite" }}
- {name: store, mountPath: /var/lib/muster}
{{- end }}
{{- if ne $values.certificate.source "selfSigned" }}
- {name: tls, mountPath: /etc/muster/tls, readOnly: true}
{{- end }}
{{- with $values.volumeMounts }}
{{- toYaml . | nindent 0 }}
{{- end }}
{{- end -}}

{{- define "muster.tmpVolume" -}}
- name: tmp
  emptyDir: {sizeLimit: 256Mi}
{{- end -}}

{{- define "muster.webhookVolumes" -}}
{{- if ne .Values.webhook.certificate.source "selfSigned" }}
- name: tls
  # 0440
  secret: {secretName: {{ include "muster.webhookSecret" . }}, defaultMode: 288}
{{- end }}
{{- with .Values.webhook.volumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}
