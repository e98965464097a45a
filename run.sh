#!/usr/bin/env bash
# Builds NfService when needed, starts it, and shows it moving packets.
#
#   ./run.sh [--once] [--no-demo] [--run DIR] [--workers CPUS] [--metrics URL] [--help]
#
#   --once          end after the demo; the exit code is its verdict
#   --no-demo       only serve
#   --run DIR       run directory of the sockets (default: $NF_RUN or /run/nf)
#   --workers CPUS  CPUs of the data plane's workers, such as 1 or 2,3 (default: the data plane chooses)
#   --metrics URL   where /metrics is served (default: http://127.0.0.1:9464)
#
# Without --once it goes on serving, with a live table after the demo, until Ctrl-C. Everything it started is ended and
# everything it made is removed, however it ends; what a killed run left is removed by the next one.
# Exit codes: 0 all is well, 1 something is missing or failed, 2 usage, 130 and 143 interrupted before it served.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/eng/common.sh"
. "$NF_ROOT/eng/machine.sh"
. "$NF_ROOT/eng/programs.sh"
. "$NF_ROOT/eng/demo.sh"

readonly READY_SECONDS_MAX=30

once=false
demo=true
run=${NF_RUN:-/run/nf}
workers=""
metrics=""

run_lock=""
run_owned=false
supervisor=""
attended=""
serving=false

usage() {
  sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p}' "$0"
}

usage_error() {
  printf 'error: %s (./run.sh --help)\n' "$1" >&2
  exit 2
}

parse() {
  while [[ $# -gt 0 ]]; do
    case $1 in
      --once) once=true ;;
      --no-demo) demo=false ;;
      -h | --help)
        usage
        exit 0
        ;;
      --run | --workers | --metrics)
        [[ $# -ge 2 && -n $2 ]] || usage_error "$1 wants a value"
        printf -v "${1#--}" '%s' "$2"
        shift
        ;;
      *) usage_error "unknown option '$1'" ;;
    esac
    shift
  done
  if $once && ! $demo; then
    usage_error "--once ends after the demo, and --no-demo has none"
  fi
  [[ -z $workers || $workers =~ ^[0-9]+(,[0-9]+)*$ ]] || usage_error "--workers wants CPU numbers such as 1 or 2,3"
  [[ $run == /* ]] || run="$PWD/$run"
}

nfctl() {
  "$(program nfctl)" --run "$run" "$@"
}

# show_nfctl ARGUMENT…: runs nfctl and shows the command as a person would type it.
show_nfctl() {
  printf '$ nfctl %s\n' "$*"
  nfctl "$@"
}

# attend COMMAND…: runs it in the foreground, yet ends with an error as soon as the supervisor does, and lets a signal
# to this script through at once (bash waits for a foreground command before it runs a trap).
attend() {
  local ended="" code=0
  spawn "$@"
  attended=$spawned
  while :; do
    wait -n -p ended "$supervisor" "$attended" && code=0 || code=$?
    [[ -z $ended ]] || break
  done
  if [[ $ended == "$supervisor" ]]; then
    stop_pid "$attended"
    attended=""
    die "the service ended"
  fi
  attended=""
  return "$code"
}

# claim_run: the run directory is ours alone; what a killed run left in it is ended and removed.
claim_run() {
  local name
  if [[ ! -d $run ]]; then
    install -d -m 0755 "$run"
    touch "$run/.made-by-run.sh"
  fi
  exec {run_lock}<"$run"
  flock -n "$run_lock" || die "another run.sh serves in $run; give this one a --run directory of its own"
  run_owned=true
  for name in supervisor nf-service nf-keeper; do
    stop_remembered "$run/$name.pid"
  done
}

release_run() {
  $run_owned || return 0
  rm -f "$run"/{supervisor,nf-service,nf-keeper}.pid "$run"/{nf-service,nf-keeper}.log \
    "$run"/{nf,dataplane,keeper}.sock
  if [[ -e $run/.made-by-run.sh ]]; then
    rm -rf "$run"
  fi
  exec {run_lock}<&-
  run_owned=false
}

start() {
  local -a arguments=(--run "$run")
  [[ -z $workers ]] || arguments+=(--workers "$workers")
  [[ -z $metrics ]] || arguments+=(--metrics "$metrics")
  spawn "$NF_ROOT/eng/supervise.sh" "${arguments[@]}"
  supervisor=$spawned
  remember_process "$run/supervisor.pid" "$supervisor"
}

await_ready() {
  local started=$SECONDS
  until [[ -S $run/nf.sock ]] && nfctl health nf.v1.DataPlane >/dev/null 2>&1; do
    is_running "$supervisor" || die "the service did not start"
    if ((SECONDS - started >= READY_SECONDS_MAX)); then
      tail -n 20 "$run/nf-keeper.log" "$run/nf-service.log" >&2
      nfctl health nf.v1.DataPlane >&2 || true
      die "the service is not ready after $READY_SECONDS_MAX s"
    fi
    sleep 0.05
  done
}

cleanup() {
  trap '' INT TERM HUP
  [[ -z $attended ]] || stop_pid "$attended"
  if [[ -n $supervisor ]]; then
    stop_pid "$supervisor" 20
  fi
  # After the data plane: its sockets keep a namespace alive.
  demo_end
  release_run
}

# Ctrl-C is how a served session is meant to end.
interrupted() {
  printf '\n'
  if $serving; then
    log "ending"
    exit 0
  fi
  exit "$1"
}

main() {
  local began=${EPOCHREALTIME/[.,]/}
  parse "$@"
  cd "$NF_ROOT"
  check_machine build demo
  build_programs

  trap cleanup EXIT
  trap 'interrupted 130' INT
  trap 'interrupted 143' TERM HUP
  claim_run
  if $demo; then
    demo_claim
  fi
  start
  await_ready
  log "serving in $run after $(((${EPOCHREALTIME/[.,]/} - began) / 1000)) ms"

  if $demo; then
    demo_network
    demo_link
    demo_traffic
    demo_verdict || exit 1
    if $once; then
      return
    fi
  fi

  serving=true
  if $demo; then
    log "the live table, with 100 pings a second; Ctrl-C ends everything"
    demo_keep_moving
    attend "$(program nfctl)" --run "$run" watch
  else
    log "try: $(program nfctl) --run $run node; Ctrl-C ends everything"
    wait "$supervisor" || true
    die "the service ended"
  fi
}

main "$@"
