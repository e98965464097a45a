#!/usr/bin/env bash
# Runs both images with the capabilities that the chart gives them, until the demo's traffic has crossed the containers.
#
#   eng/container-demo.sh [--from-source] [--other-namespaces] [--capabilities LIST] [--no-build] [--tag TAG]
#
#   --from-source       compile in the images' own build stage, on an SDK image made of this machine's SDK; otherwise
#                       the programs are compiled here and copied
#   --other-namespaces  the containers stay in the machine's network namespace and the data plane enters the demo's
#                       (SYS_ADMIN); otherwise they run in it, as a pod of the host network runs in the host's
#   --capabilities LIST what the data plane gets, to try what it can do without (default: what the chart gives it)
#   --no-build          the images of an earlier call
#   --tag TAG           tag of the images (default: demo)
#
# The exit code is the verdict. Everything it started is ended and what it made is removed, but for the images.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
. "$NF_ROOT/eng/podman.sh"
NF_DEMO_NAME=${NF_DEMO_NAME:-nf-pack}
. "$NF_ROOT/eng/demo.sh"

readonly DATA_PLANE="$DEMO_NAME-dataplane"
readonly SERVICE="$DEMO_NAME-service"
readonly READY_SECONDS_MAX=60

other_namespaces=false
compile=(--prebuilt)
build=true
tag=demo
# docs/kubernetes.md has the reason of each.
capabilities=NET_ADMIN,NET_RAW,BPF,PERFMON,IPC_LOCK
run=""
attended=""
containers=()

parse() {
  while [[ $# -gt 0 ]]; do
    case $1 in
      --from-source) compile=() ;;
      --other-namespaces) other_namespaces=true ;;
      --no-build) build=false ;;
      --tag | --capabilities)
        [[ $# -ge 2 && -n $2 ]] || die "$1 wants a value"
        printf -v "${1#--}" '%s' "$2"
        shift
        ;;
      *) die "unknown option '$1' (see the head of eng/container-demo.sh)" ;;
    esac
    shift
  done
}

nfctl() {
  podman exec "$SERVICE" nfctl "$@"
}

# show_nfctl ARGUMENT…: as a person would type it.
show_nfctl() {
  printf '$ nfctl %s\n' "$*"
  nfctl "$@"
}

# attend COMMAND…: in the background, so that a signal to this script is not kept waiting.
attend() {
  local code=0
  "$@" &
  attended=$!
  wait "$attended" || code=$?
  attended=""
  return "$code"
}

# container NAME IMAGE OPTION… -- ARGUMENT…
container() {
  local name=$1 image=$2
  local -a options=()
  shift 2
  while [[ $1 != -- ]]; do
    options+=("$1")
    shift
  done
  shift
  containers+=("$name")
  podman run --detach --name "$name" --cap-drop ALL --security-opt no-new-privileges --read-only \
    --volume "$run/nf:/run/nf" "${options[@]}" "$image:$tag" "$@" >"$run/podman.log" 2>&1 ||
    die "podman run $image: $(<"$run/podman.log")"
}

start() {
  local -a network=(--network "ns:/run/netns/$DEMO_NAME") more=()
  demo_bind_options=()
  if $other_namespaces; then
    network=(--network host)
    more=(--cap-add SYS_ADMIN --volume /run/netns:/run/netns:rslave)
    demo_bind_options=(--netns "$DEMO_NAME")
  fi
  mkdir -p "$run/nf"
  log "nf-dataplane with $capabilities${more:+,SYS_ADMIN}; nf-service with none"
  container "$DATA_PLANE" nf-dataplane "${network[@]}" --cap-add "$capabilities" --security-opt seccomp=unconfined \
    "${more[@]}" -- --run /run/nf
  container "$SERVICE" nf-service "${network[@]}" -- --run /run/nf --metrics http://127.0.0.1:0
}

await_ready() {
  local started=$SECONDS
  until podman healthcheck run "$SERVICE" >/dev/null 2>&1; do
    if ((SECONDS - started >= READY_SECONDS_MAX)); then
      die "not ready after $READY_SECONDS_MAX s"
    fi
    sleep 0.3
  done
  log "ready after $((SECONDS - started)) s"
}

# capabilities_of CONTAINER: the effective set of its first process, as the kernel writes it.
capabilities_of() {
  sed -n 's/^CapEff:[[:space:]]*//p' "/proc/$(podman inspect --format '{{.State.Pid}}' "$1")/status"
}

cleanup() {
  local code=$? name
  trap '' INT TERM HUP
  [[ -z $attended ]] || stop_pid "$attended"
  for name in "${containers[@]}"; do
    if ((code != 0)); then
      printf -- '--- last lines of %s\n' "$name" >&2
      podman logs --tail 20 "$name" >&2 2>&1 || true
    fi
    podman rm --force --time 5 "$name" >/dev/null 2>&1 || true
  done
  demo_end
  [[ -z $run ]] || rm -rf "$run"
}

main() {
  parse "$@"
  is_root || die "it needs root"
  "$NF_ROOT/eng/packages.sh" demo || die "Debian packages are missing"
  use_podman
  if $build; then
    "$NF_ROOT/eng/images.sh" "${compile[@]}" --local-base --tag "$tag"
  fi

  trap cleanup EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  mkdir -p "$NF_ARTIFACTS"
  run="$(mktemp -d "$NF_ARTIFACTS/container-demo.XXXXXX")"
  demo_claim
  # What a killed run left; the lock says that nobody else has these names.
  podman rm --force --time 0 "$DATA_PLANE" "$SERVICE" >/dev/null 2>&1 || true
  demo_network
  start
  await_ready
  log "effective capabilities: data plane $(capabilities_of "$DATA_PLANE"), service $(capabilities_of "$SERVICE")"
  demo_link
  demo_traffic
  demo_verdict
}

main "$@"
