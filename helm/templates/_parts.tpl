{{- /* Parts that several templates share. Where one takes a process, it gets (dict "root" $ "process" "api"). */ -}}

{{- define "tunewarden.labels" -}}
app.kubernetes.io/name: tunewarden
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "tunewarden.selector" -}}
app.kubernetes.io/name: tunewarden
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "tunewarden.blobClaim" -}}
{{ .Values.blobs.volume.existingClaim | default (printf "%s-blobs" .Release.Name) }}
{{- end }}

{{- define "tunewarden.sealerClaim" -}}
{{ .Values.sealer.state.existingClaim | default (printf "%s-sealer" .Release.Name) }}
{{- end }}

{{- define "tunewarden.image" -}}
{{- $image := .Values.image -}}
{{- if $image.digest -}}
{{ $image.repository }}@{{ $image.digest }}
{{- else -}}
{{ $image.repository }}:{{ $image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end }}

{{- /* The head of every pod. Service links are off because a service called "tunewarden" would plant TUNEWARDEN_PORT. */ -}}
{{- define "tunewarden.pod" -}}
{{- $values := index .root.Values .process -}}
serviceAccountName: {{ .root.Release.Name }}-{{ .process }}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: {{ .root.Values.runAs | int64 }}
  runAsGroup: {{ .root.Values.runAs | int64 }}
  fsGroup: {{ .root.Values.runAs | int64 }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector: {{ toJson . }}
{{- end }}
{{- with $values.tolerations }}
tolerations: {{ toJson . }}
{{- end }}
{{- end }}

{{- /* What no container may do. */ -}}
{{- define "tunewarden.locked" -}}
{runAsNonRoot: true, readOnlyRootFilesystem: true, allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}, seccompProfile: {type: RuntimeDefault}}
{{- end }}

{{- /* The head of every process's container. */ -}}
{{- define "tunewarden.container" -}}
name: {{ .process }}
image: {{ include "tunewarden.image" .root | quote }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
command: [tunewarden]
args: [{{ .process }}]
securityContext: {{ include "tunewarden.locked" .root }}
resources: {{ toJson (index .root.Values .process).resources }}
{{- end }}

{{- /* Settings every process needs. HOME and USER: the account has no line in /etc/passwd, and libraries ask for both. */ -}}
{{- define "tunewarden.env" -}}
{{- $database := .root.Values.secrets.database -}}
- {name: HOME, value: /tmp}
- {name: USER, value: tunewarden}
- {name: TUNEWARDEN_ENVIRONMENT, value: {{ .root.Values.environment }}}
- {name: TUNEWARDEN_HOME, value: /var/lib/tunewarden}
- name: TUNEWARDEN_ORIGIN
  value: {{ required "log.origin is empty; expected the log's permanent name, such as example.org/tunewarden; the operator of the log sets it, once" .root.Values.log.origin | quote }}
- name: TUNEWARDEN_DATABASE_URL
  valueFrom:
    secretKeyRef: {name: {{ $database.name }}, key: {{ index $database.keys .process }}}
- {name: TUNEWARDEN_TRAINING_GATE, value: {{ .root.Values.policies.trainingGate | quote }}}
{{- with .root.Values.policies.directory }}
- {name: TUNEWARDEN_POLICIES, value: {{ . | quote }}}
{{- end }}
{{- end }}

{{- /* Who cosigns tree heads: the sealer shows heads to them, the api prefers heads that they cosigned. */ -}}
{{- define "tunewarden.witnesses" -}}
{{- $lines := list -}}
{{- range .Values.log.witnesses -}}
{{- $lines = append $lines (printf "%s %s" .url .vkey) -}}
{{- end -}}
{{- with $lines }}
- {name: TUNEWARDEN_WITNESSES, value: {{ join "," . | quote }}}
{{- end }}
{{- end }}

{{- /* Api and notifier: that endpoints are told, which addresses inside they may have, and the key of it. */ -}}
{{- define "tunewarden.webhookEnv" -}}
{{- if .Values.notifier.enabled }}
- {name: TUNEWARDEN_WEBHOOKS, value: "true"}
- {name: TUNEWARDEN_WEBHOOK_ALLOWED, value: {{ join "," .Values.notifier.allowed | quote }}}
- {name: TUNEWARDEN_WEBHOOK_KEY_FILE, value: /run/tunewarden/keys/webhook-key}
{{- end }}
{{- end }}

{{- define "tunewarden.vkey" -}}
{{- $log := .Values.log -}}
{{- $vkey := required "log.vkey is empty; expected the public half of the signing key; whoever made the key has it (README.md)" $log.vkey -}}
{{- if not (hasPrefix (printf "%s+" $log.origin) $vkey) -}}
{{- fail "log.vkey is the key of another log; expected it to begin with log.origin and a plus sign; whoever made the key has the right one" -}}
{{- end -}}
{{ $vkey }}
{{- end }}

{{- /* Api and worker: the blobs and the keys to read them. */ -}}
{{- define "tunewarden.blobEnv" -}}
- name: TUNEWARDEN_BLOBS_URL
  value: {{ .Values.blobs.url | default "file:///var/lib/tunewarden-blobs" | quote }}
- {name: TUNEWARDEN_BLOB_KEY_FILE, value: /run/tunewarden/keys/blob-key}
- {name: TUNEWARDEN_MASTER_KEY_FILE, value: /run/tunewarden/keys/master-key}
{{- end }}

{{- define "tunewarden.blobMount" -}}
{{- if not .Values.blobs.url }}
- {name: blobs, mountPath: /var/lib/tunewarden-blobs}
{{- end }}
{{- end }}

{{- define "tunewarden.blobVolume" -}}
{{- if not .Values.blobs.url }}
- name: blobs
  persistentVolumeClaim: {claimName: {{ include "tunewarden.blobClaim" . }}}
{{- end }}
{{- end }}

{{- /*
The keys of one process. Kubernetes cannot hand a secret to an account other than root without the group reading along
(0440), and the platform refuses a key that anybody but its owner may read. So an init container copies them, mode 0400,
into memory; the process itself mounts the copies only. Takes a list of files: (dict "file" NAME "secret" {name, key}).
*/ -}}
{{- define "tunewarden.keyCopier" -}}
- name: keys
  image: {{ include "tunewarden.image" .root | quote }}
  imagePullPolicy: {{ .root.Values.image.pullPolicy }}
  command: [install, -m, "0400", -t, /run/tunewarden/keys]
  args:
    {{- range .files }}
    - /run/tunewarden/secrets/{{ .file }}
    {{- end }}
  securityContext: {{ include "tunewarden.locked" .root }}
  resources: {requests: {cpu: 10m, memory: 16Mi}, limits: {memory: 64Mi}}
  volumeMounts:
    - {name: secrets, mountPath: /run/tunewarden/secrets, readOnly: true}
    - {name: keys, mountPath: /run/tunewarden/keys}
{{- end }}

{{- define "tunewarden.keyVolumes" -}}
- name: secrets
  projected:
    defaultMode: 0440
    sources:
      {{- range .files }}
      - secret: {name: {{ .secret.name }}, items: [{key: {{ .secret.key }}, path: {{ .file }}}]}
      {{- end }}
- name: keys
  emptyDir: {medium: Memory, sizeLimit: 1Mi}
{{- end }}

{{- define "tunewarden.blobCredentials" -}}
{{- with .Values.secrets.blobStore.name }}
envFrom:
  - secretRef: {name: {{ . }}}
{{- end }}
{{- end }}

{{- /* One egress rule. Takes (dict "to" PEERS "port" PORT "protocols" LIST); PEERS must not be empty. */ -}}
{{- define "tunewarden.egress" -}}
- to: {{ toJson .to }}
  ports:
    {{- $port := .port }}
    {{- range .protocols }}
    - {protocol: {{ . }}, port: {{ $port }}}
    {{- end }}
{{- end }}

{{- /* What every pod may reach: names and the database. */ -}}
{{- define "tunewarden.egressForAll" -}}
{{- $egress := .Values.network.egress -}}
{{- if not $egress.database.to -}}
{{- fail "network.egress.database.to is empty; expected the NetworkPolicy peers where PostgreSQL answers; the operator of the cluster knows them" -}}
{{- end -}}
{{- if $egress.dns.to }}
{{ include "tunewarden.egress" (dict "to" $egress.dns.to "port" $egress.dns.port "protocols" (list "UDP" "TCP")) }}
{{- end }}
{{ include "tunewarden.egress" (dict "to" $egress.database.to "port" $egress.database.port "protocols" (list "TCP")) }}
{{- end }}

{{- /* The sealer alone: witnesses and the time stamp authority, where there are any. */ -}}
{{- define "tunewarden.egressOfSealer" -}}
{{- $egress := .Values.network.egress -}}
{{- if .Values.log.witnesses }}
{{- if not $egress.witnesses.to -}}
{{- fail "log.witnesses is set and network.egress.witnesses.to is empty; expected the NetworkPolicy peers where the witnesses answer; whoever runs them knows" -}}
{{- end }}
{{ include "tunewarden.egress" (dict "to" $egress.witnesses.to "port" $egress.witnesses.port "protocols" (list "TCP")) }}
{{- end }}
{{- if .Values.sealer.timestamps.url }}
{{- if not $egress.timestamps.to -}}
{{- fail "sealer.timestamps.url is set and network.egress.timestamps.to is empty; expected the NetworkPolicy peers where the time stamp authority answers; whoever runs it knows" -}}
{{- end }}
{{ include "tunewarden.egress" (dict "to" $egress.timestamps.to "port" $egress.timestamps.port "protocols" (list "TCP")) }}
{{- end }}
{{- end }}

{{- /* The notifier alone: the endpoints that are told. */ -}}
{{- define "tunewarden.egressOfNotifier" -}}
{{- $endpoints := .Values.network.egress.webhooks -}}
{{- if not $endpoints.to -}}
{{- fail "notifier.enabled is true and network.egress.webhooks.to is empty; expected the NetworkPolicy peers where endpoints of webhooks may be; who runs the receivers knows them" -}}
{{- end }}
{{ include "tunewarden.egress" (dict "to" $endpoints.to "port" $endpoints.port "protocols" (list "TCP")) }}
{{- end }}

{{- /* Api and worker: the blob store, where it is not a volume. */ -}}
{{- define "tunewarden.egressToBlobs" -}}
{{- $store := .Values.network.egress.blobStore -}}
{{- if .Values.blobs.url }}
{{- if not $store.to -}}
{{- fail "blobs.url is set and network.egress.blobStore.to is empty; expected the NetworkPolicy peers where the blob store answers; the operator of the cluster knows them" -}}
{{- end }}
{{ include "tunewarden.egress" (dict "to" $store.to "port" $store.port "protocols" (list "TCP")) }}
{{- end }}
{{- end }}
