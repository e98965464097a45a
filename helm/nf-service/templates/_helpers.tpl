{{/* The name of the chart, or what the user calls it. */}}
{{- define "nf-service.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* The name of every object. */}}
{{- define "nf-service.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- $name := include "nf-service.name" . -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The name of an object beside the main one; takes (list . "suffix"). */}}
{{- define "nf-service.suffixed" -}}
{{- $suffix := index . 1 -}}
{{- printf "%s-%s" (include "nf-service.fullname" (index . 0) | trunc (int (sub 62 (len $suffix))) | trimSuffix "-") $suffix -}}
{{- end -}}

{{- define "nf-service.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "nf-service.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* What selects the pods: never changes over upgrades. */}}
{{- define "nf-service.selectorLabels" -}}
app.kubernetes.io/name: {{ include "nf-service.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "nf-service.labels" -}}
{{ include "nf-service.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end -}}

{{/* An image; takes (list . .Values.image.x). */}}
{{- define "nf-service.image" -}}
{{- $image := index . 1 -}}
{{- printf "%s:%s" $image.repository (default (index . 0).Chart.AppVersion $image.tag) -}}
{{- end -}}

{{/* The command line of nf-keeper, as a YAML list: its own options, then those of the data plane. */}}
{{- define "nf-service.keeperArgs" -}}
{{- $dataPlane := .Values.dataPlane -}}
{{- $args := list "--run" "/run/nf" "--heartbeat-timeout" (toString $dataPlane.heartbeatTimeoutSeconds) -}}
{{- if not $dataPlane.spare -}}
{{- $args = append $args "--no-spare" -}}
{{- end -}}
{{- $own := list -}}
{{- with $dataPlane.workers -}}
{{- $cpus := list -}}
{{- range . -}}
{{- $cpus = append $cpus (kindIs "string" . | ternary . (int . | toString)) -}}
{{- end -}}
{{- $own = concat $own (list "--workers" (join "," $cpus)) -}}
{{- end -}}
{{- if not (kindIs "invalid" $dataPlane.spinMicroseconds) -}}
{{- $own = concat $own (list "--spin-us" (toString (int $dataPlane.spinMicroseconds))) -}}
{{- end -}}
{{- with $dataPlane.xdpAttach -}}
{{- $own = concat $own (list "--xdp-attach" .) -}}
{{- end -}}
{{- $own = concat $own $dataPlane.extraArgs -}}
{{- if $own -}}
{{- $args = concat $args (list "--") $own -}}
{{- end -}}
{{- toYaml $args -}}
{{- end -}}

{{/* The command line of nf-service, as a YAML list. */}}
{{- define "nf-service.serviceArgs" -}}
{{- $args := list "--run" "/run/nf" "--metrics" -}}
{{- if .Values.metrics.enabled -}}
{{- $args = append $args (printf "http://%s:%d" .Values.metrics.address (int .Values.metrics.port)) -}}
{{- else -}}
{{- $args = append $args "none" -}}
{{- end -}}
{{- range $owner, $bytes := .Values.service.quotas -}}
{{- $args = concat $args (list "--quota" (printf "%s=%s" $owner $bytes)) -}}
{{- end -}}
{{- with .Values.service.quotaDefault -}}
{{- $args = concat $args (list "--quota-default" .) -}}
{{- end -}}
{{- toYaml (concat $args .Values.service.extraArgs) -}}
{{- end -}}

{{/* The capabilities of the data plane, as a YAML list. */}}
{{- define "nf-service.capabilities" -}}
{{- $capabilities := .Values.dataPlane.capabilities -}}
{{- if .Values.dataPlane.otherNamespaces -}}
{{- $capabilities = append $capabilities "SYS_ADMIN" -}}
{{- end -}}
{{- if .Values.hostPID -}}
{{- $capabilities = append $capabilities "SYS_PTRACE" -}}
{{- end -}}
{{- toYaml (uniq $capabilities) -}}
{{- end -}}

{{/* The data plane's resources with its huge pages, which the API wants to be limits equal to their requests. */}}
{{- define "nf-service.dataPlaneResources" -}}
{{- $resources := deepCopy .Values.dataPlane.resources -}}
{{- $limits := default dict $resources.limits -}}
{{- range $size, $amount := .Values.dataPlane.hugepages -}}
{{- if $amount -}}
{{- $_ := set $limits (printf "hugepages-%s" $size) $amount -}}
{{- end -}}
{{- end -}}
{{- if $limits -}}
{{- $_ := set $resources "limits" $limits -}}
{{- end -}}
{{- toYaml $resources -}}
{{- end -}}

{{/* A probe of nf-service; takes (list . "/path" "gRPC service"). The program nfctl asks where no port is served. */}}
{{- define "nf-service.probe" -}}
{{- $root := index . 0 -}}
{{- if $root.Values.metrics.enabled -}}
httpGet:
  path: {{ index . 1 }}
  port: metrics
  {{- if not (contains "POD_IP" $root.Values.metrics.address) }}
  {{- if not (has $root.Values.metrics.address (list "0.0.0.0" "[::]")) }}
  host: {{ $root.Values.metrics.address | trimAll "[]" | quote }}
  {{- end }}
  {{- end }}
{{- else -}}
exec:
  command: {{ concat (list "/opt/nf/nfctl" "--run" "/run/nf" "--timeout" "3s" "health") (compact (list (index . 2))) | toJson }}
{{- end -}}
{{- end -}}
