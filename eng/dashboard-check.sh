#!/usr/bin/env bash
# Starts the programs and a real Prometheus that scrapes them, lets traffic flow and the data plane die once, has both
# formats of /metrics checked by parsers that are not ours, and asks Prometheus every query of the Grafana dashboard.
#
#   eng/dashboard-check.sh [DASHBOARD.json]
#
# Exit code 0 when both formats are right and every query returned data. Everything it started is ended and what it made
# is removed.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
. "$NF_ROOT/eng/programs.sh"
NF_DEMO_NAME=${NF_DEMO_NAME:-nf-dash}
. "$NF_ROOT/eng/demo.sh"

readonly READY_SECONDS_MAX=60
readonly TRAFFIC_SECONDS=12
readonly OWNER=team-a

dashboard="${1:-$NF_ROOT/helm/nf-service/dashboards/nf-service.json}"
run=""
port=""
metrics=""
attended=""
pids=()

nfctl() {
  "$(program nfctl)" --run "$run" "$@"
}

show_nfctl() {
  printf '$ nfctl %s\n' "$*"
  nfctl "$@"
}

attend() {
  local code=0
  "$@" &
  attended=$!
  wait "$attended" || code=$?
  attended=""
  return "$code"
}

# free_port: a TCP port of the loopback that nobody listens on now.
free_port() {
  python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# background NAME COMMAND…
background() {
  local name=$1
  shift
  setpriv --pdeathsig TERM "$@" >"$run/$name.log" 2>&1 </dev/null &
  pids=("$!" "${pids[@]}")
}

# await WHAT COMMAND…: until the command succeeds.
await() {
  local what=$1 started=$SECONDS
  shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS - started < READY_SECONDS_MAX)) || die "$what: not within $READY_SECONDS_MAX s"
    sleep 0.2
  done
}

start() {
  metrics="$(free_port)"
  port="$(free_port)"
  background keeper "$(program nf-keeper)" --run "$run" --data-plane "$(program nf-dataplane)"
  background service "$(program nf-service)" --run "$run" --metrics "http://127.0.0.1:$metrics" --quota "$OWNER=64M"
  cat >"$run/prometheus.yml" <<CONFIG
global:
  scrape_interval: 1s
  scrape_timeout: 1s
scrape_configs:
  - job_name: nf-service
    static_configs:
      - targets: ["127.0.0.1:$metrics"]
CONFIG
  background prometheus prometheus --config.file "$run/prometheus.yml" --storage.tsdb.path "$run/prometheus" \
    --web.listen-address "127.0.0.1:$port" --log.level warn
  await "nf-service" nfctl health nf.v1.DataPlane
  await "prometheus" python3 -c "import urllib.request; urllib.request.urlopen('http://127.0.0.1:$port/-/ready')"
}

# vhost_devices: a bridge and a link of devices, and a front-end that does not keep to the protocol.
vhost_devices() {
  local name
  for name in one two three four; do
    nfctl vhost create "$name" --socket "$run/$name.sock" >/dev/null
  done
  show_nfctl bridge create lan --endpoint vhost:one --endpoint vhost:two
  show_nfctl link create pair --a vhost:three --b vhost:four
  python3 -c 'import socket, sys
front_end = socket.socket(socket.AF_UNIX)
front_end.connect(sys.argv[1])
front_end.sendall(b"\xff" * 12)
front_end.recv(1)' "$run/one.sock"
}

# steering: what the demo pings is handed to CPU 0; the rest goes over the link as before, ARP as well.
steering() {
  nfctl cpumap create fan >/dev/null
  nfctl cpumap entry set fan 0 --queue-size 192 --program pass >/dev/null
  show_nfctl steer set edge --interface nfdemoa --netns "$DEMO_NAME" --steer-management \
    --rule 'ping: icmp -> cpumap fan'
}

data_plane_pid() {
  nfctl node --output json | jq -e -r '[.. | objects | .dataPlane? // empty | .pid? // empty][0]'
}

# replaced PID: whether the data plane that is connected is another process than this one.
replaced() {
  local now
  now="$(data_plane_pid)" && [[ -n $now && $now != "$1" ]]
}

traffic() {
  local before client
  ip netns exec "$DEMO_NAME-b" iperf3 -s -1 -B "$DEMO_B_ADDRESS" -p "$DEMO_PORT" >/dev/null 2>&1 &
  demo_server=$!
  demo_await_server
  ip netns exec "$DEMO_NAME-a" \
    iperf3 -c "$DEMO_B_ADDRESS" -p "$DEMO_PORT" -t "$TRAFFIC_SECONDS" >"$run/iperf.log" 2>&1 &
  client=$!
  pids=("$client" "${pids[@]}")
  background ping ip netns exec "$DEMO_NAME-a" ping -q -i 0.02 "$DEMO_B_ADDRESS"

  # Calls spread over the scrapes: a histogram that has all its observations before the first scrape has no rate.
  for _ in 1 2 3 4; do
    sleep 1
    nfctl umem get quota >/dev/null
  done
  before="$(data_plane_pid)" || die "nfctl node does not tell the data plane's pid"
  log "killing the data plane, process $before"
  kill -KILL "$before"
  await "the next data plane" replaced "$before"
  nfctl umem get quota >/dev/null
  wait "$client" || warn "iperf3: $(tail -n 1 "$run/iperf.log")"
}

# scrape ACCEPT: what nf-service answers to somebody who wants this format.
scrape() {
  python3 -c 'import sys, urllib.request
request = urllib.request.Request(sys.argv[1], headers={"Accept": sys.argv[2]})
print(urllib.request.urlopen(request).read().decode(), end="")' "http://127.0.0.1:$metrics/metrics" "$1"
}

formats() {
  scrape text/plain >"$run/metrics.txt"
  scrape application/openmetrics-text >"$run/openmetrics.txt"
  promtool check metrics <"$run/metrics.txt" || die "promtool objects to the text format"
  /usr/bin/python3 -c 'import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse
found = [family.name for family in parse(sys.stdin.read())]
assert "nf_xsk_socket_packets" in found, found' <"$run/openmetrics.txt" || die "the OpenMetrics format does not parse"
}

cleanup() {
  local pid
  trap '' INT TERM HUP
  [[ -z $attended ]] || stop_pid "$attended"
  for pid in "${pids[@]}"; do
    stop_pid "$pid" 10
  done
  demo_end
  [[ -z $run ]] || rm -rf "$run"
}

# ask DASHBOARD: all its queries, over the time since the programs started.
ask() {
  python3 "$NF_ROOT/eng/dashboard_queries.py" "$1" "http://127.0.0.1:$port" "$((SECONDS + 1))"
}

main() {
  is_root || die "it needs root"
  "$NF_ROOT/eng/packages.sh" build unit demo test || die "Debian packages are missing"
  build_programs
  trap cleanup EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  mkdir -p "$NF_ARTIFACTS"
  run="$(mktemp -d "$NF_ARTIFACTS/dashboard.XXXXXX")"
  SECONDS=0
  demo_claim
  demo_network
  start
  demo_link
  show_nfctl umem create quota --size 1MiB --owner "$OWNER"
  vhost_devices
  steering
  traffic
  formats
  ask "$dashboard"

  # A check that cannot fail says nothing: a metric that nobody has must be found out.
  sed 's/nf_link_up/nf_no_such_metric/' "$dashboard" >"$run/doctored.json"
  if ask "$run/doctored.json" >"$run/doctored.log"; then
    die "a query of a metric that does not exist passed"
  fi
  grep -q '1 without data' "$run/doctored.log" || die "the doctored dashboard: $(<"$run/doctored.log")"
}

main
