# shellcheck shell=bash
# Functions of every script here. Sourced, never run: `. "$(dirname "$0")/eng/common.sh"`.

# The root of the repository, wherever the script was called from.
NF_ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
readonly NF_ROOT
# shellcheck disable=SC2034 # read by the scripts that source this file
readonly NF_ARTIFACTS="$NF_ROOT/artifacts"

export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_SKIP_FIRST_TIME_EXPERIENCE=1
# A build server that outlives the script would be a process we started and did not end.
export MSBUILDDISABLENODEREUSE=1

# log TEXT…: one line for the person who watches.
log() {
  printf '==> %s\n' "$*"
}

# warn TEXT…: one line about something that is wrong but is not the end.
warn() {
  printf 'warning: %s\n' "$*" >&2
}

# die TEXT…: the end, with a reason.
die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# has COMMAND…: whether all of them are on the path.
has() {
  local command
  for command in "$@"; do
    command -v "$command" >/dev/null 2>&1 || return 1
  done
}

is_root() {
  [[ $EUID -eq 0 ]]
}

# started_at PID: when a process began, in clock ticks since boot; together with the pid it names one process for ever.
started_at() {
  local stat
  stat="$(cat "/proc/$1/stat" 2>/dev/null)" || return 1
  # The command name (field 2) may hold anything, even brackets; what follows its last bracket is fields 3 and on.
  # shellcheck disable=SC2086
  set -- ${stat##*) }
  printf '%s\n' "${20}"
}

# remember_process FILE PID: notes which process this is, for a later is_remembered or stop_remembered.
remember_process() {
  printf '%s %s\n' "$2" "$(started_at "$2")" >"$1"
}

# remembered_pid FILE: the pid noted in FILE, if that very process still runs.
remembered_pid() {
  local pid ticks
  [[ -r $1 ]] && read -r pid ticks <"$1" || return 1
  [[ -n $pid && "$(started_at "$pid")" == "$ticks" ]] || return 1
  printf '%s\n' "$pid"
}

# is_running PID: whether it lives (a zombie does not).
is_running() {
  local state
  state="$(sed -n 's/^State:[[:space:]]*\(.\).*/\1/p' "/proc/$1/status" 2>/dev/null)"
  [[ -n $state && $state != Z && $state != X ]]
}

# stop_pid PID [SECONDS]: asks it to end, waits, and kills it when it does not.
stop_pid() {
  local pid=$1 tenths=$((${2:-5} * 10))
  kill -TERM "$pid" 2>/dev/null || return 0
  while is_running "$pid"; do
    if ((tenths-- <= 0)); then
      warn "process $pid does not end; killing it"
      kill -KILL "$pid" 2>/dev/null || true
      break
    fi
    sleep 0.1
  done
  # Collects it when it is a child of this shell.
  wait "$pid" 2>/dev/null || true
}

# stop_remembered FILE: ends the process noted in FILE, and only that one.
stop_remembered() {
  local pid
  if pid="$(remembered_pid "$1")"; then
    stop_pid "$pid"
  fi
  rm -f "$1"
}

# spawn COMMAND…: runs a program in the background, its pid in spawned. It gets SIGTERM should this script be killed
# without a chance to end it, and does not inherit the locks (run_lock, demo_lock), which are the script's alone.
spawn() {
  (
    [[ -z ${run_lock:-} ]] || exec {run_lock}>&-
    [[ -z ${demo_lock:-} ]] || exec {demo_lock}>&-
    exec setpriv --pdeathsig TERM "$@"
  ) &
  # shellcheck disable=SC2034 # read by the callers
  spawned=$!
}
