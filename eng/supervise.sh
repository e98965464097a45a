#!/usr/bin/env bash
# Runs nf-keeper (which runs nf-dataplane) and nf-service until it is told to end.
#
#   eng/supervise.sh --run DIR [--metrics URL] [--workers CPUS]
#
# nf-service is started again when it ends: packets flow on meanwhile. When nf-keeper ends, everything does, with a
# line that says so and exit code 1. SIGTERM and SIGINT end both programs, and then this script with exit code 0.
# What the programs print goes to DIR/nf-keeper.log and DIR/nf-service.log.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
. "$NF_ROOT/eng/programs.sh"

# A program that lived shorter than this did not start well. If the very first start was such a one, something is wrong
# that another start does not cure; later, there is no point after so many in a row.
readonly GOOD_LIFE_SECONDS=5
readonly BAD_STARTS_MAX=5

run=""
metrics=""
workers=""
keeper=""
service=""
stopping=false

parse() {
  while [[ $# -gt 0 ]]; do
    [[ $# -ge 2 ]] || die "$1 wants a value"
    case $1 in
      --run) run=$2 ;;
      --metrics) metrics=$2 ;;
      --workers) workers=$2 ;;
      *) die "unknown option '$1'" ;;
    esac
    shift 2
  done
  [[ -d $run ]] || die "--run wants an existing directory, not '$run'"
}

# start VARIABLE NAME ARGUMENT…: the program gets SIGTERM should this script be killed without a chance to end it.
start() {
  local -n into=$1
  local name=$2
  shift 2
  setpriv --pdeathsig TERM "$(program "$name")" "$@" >>"$run/$name.log" 2>&1 </dev/null &
  into=$!
  remember_process "$run/$name.pid" "$into"
}

start_keeper() {
  local -a arguments=(--run "$run" --data-plane "$(program nf-dataplane)")
  [[ -z $workers ]] || arguments+=(-- --workers "$workers")
  start keeper nf-keeper "${arguments[@]}"
}

start_service() {
  local -a arguments=(--run "$run")
  [[ -z $metrics ]] || arguments+=(--metrics "$metrics")
  start service nf-service "${arguments[@]}"
}

stop_all() {
  trap '' INT TERM
  [[ -z $service ]] || stop_pid "$service"
  [[ -z $keeper ]] || stop_pid "$keeper" 10
  rm -f "$run/nf-service.pid" "$run/nf-keeper.pid"
}

report_end() {
  warn "$1 ended with exit code $2; its last lines:"
  tail -n 8 "$run/$1.log" | cut -c 1-200 | sed 's/^/  /' >&2
}

main() {
  local ended code service_since bad_starts=$((BAD_STARTS_MAX - 1))
  parse "$@"
  trap 'stopping=true' INT TERM
  trap stop_all EXIT
  start_keeper
  start_service
  service_since=$SECONDS

  until $stopping; do
    ended=""
    code=0
    # Bash's own word about a killed child would only double ours.
    wait -n -p ended "$keeper" "$service" 2>/dev/null || code=$?
    if $stopping || [[ -z $ended ]]; then
      continue
    fi
    if [[ $ended == "$keeper" ]]; then
      keeper=""
      report_end nf-keeper "$code"
      die "without nf-keeper nothing can go on"
    fi

    service=""
    report_end nf-service "$code"
    if ((SECONDS - service_since < GOOD_LIFE_SECONDS)); then
      bad_starts=$((bad_starts + 1))
      ((bad_starts < BAD_STARTS_MAX)) || die "nf-service does not stay up"
      sleep 1
    else
      bad_starts=0
    fi
    log "starting nf-service again"
    start_service
    service_since=$SECONDS
  done
}

main "$@"
