# shellcheck shell=bash
# The demo: two namespaces whose only way to each other is a link of the data plane. Sourced by run.sh, after common.sh.
#
#   nf-demo-a                       nf-demo                        nf-demo-b
#   demo0 10.77.0.1 ── veth ── nfdemoa ═ XSK ═ link ═ XSK ═ nfdemob ── veth ── demo0 10.77.0.2
#
# The ends that the data plane takes live in a namespace of their own, so that nothing of the machine's is touched.

# Another name lets a demo run beside this one; a caller whose data plane is inside the namespace binds without a name.
readonly DEMO_NAME=${NF_DEMO_NAME:-nf-demo}
readonly DEMO_LOCK_FILE=/run/$DEMO_NAME.lock
readonly DEMO_A_ADDRESS=10.77.0.1
readonly DEMO_B_ADDRESS=10.77.0.2
readonly DEMO_PORT=5201
readonly DEMO_TCP_SECONDS=3

demo_owned=false
demo_server=""
demo_trickle=""
demo_lock=""
demo_bind_options=(--netns "$DEMO_NAME")

# demo_claim: the names are the machine's, so only one demo runs at a time; what a killed one left is removed.
demo_claim() {
  exec {demo_lock}>"$DEMO_LOCK_FILE"
  flock -n "$demo_lock" || die "another demo runs on this machine (it holds $DEMO_LOCK_FILE)"
  [[ /proc/self/fd/$demo_lock -ef $DEMO_LOCK_FILE ]] || die "another demo was just ending; try again"
  demo_owned=true
  demo_remove_namespaces
}

demo_remove_namespaces() {
  local namespace pid
  for namespace in "$DEMO_NAME-a" "$DEMO_NAME-b" "$DEMO_NAME"; do
    [[ -e /run/netns/$namespace ]] || continue
    # Whoever is in there was put there by a demo: the namespace is ours by its name and the lock.
    for pid in $(ip netns pids "$namespace" 2>/dev/null); do
      stop_pid "$pid"
    done
    ip netns del "$namespace"
  done
}

# demo_end: removes what the demo made, also half of it, also twice.
demo_end() {
  $demo_owned || return 0
  [[ -z $demo_trickle ]] || stop_pid "$demo_trickle"
  [[ -z $demo_server ]] || stop_pid "$demo_server"
  demo_trickle=""
  demo_server=""
  demo_remove_namespaces
  rm -f "$DEMO_LOCK_FILE"
  exec {demo_lock}>&-
  demo_lock=""
  demo_owned=false
}

# demo_host NAMESPACE ADDRESS PEER: one end host, and the end of its cable that the data plane takes.
demo_host() {
  local namespace=$1 address=$2 peer=$3
  ip netns add "$namespace"
  # Router solicitations would cross the link too, and are not what the demo counts.
  ip netns exec "$namespace" sysctl -q -w net.ipv6.conf.default.disable_ipv6=1
  ip -n "$namespace" link add demo0 type veth peer name "$peer" netns "$DEMO_NAME"
  ip -n "$namespace" address add "$address/24" dev demo0
  # A veth leaves checksums unfinished for its peer's stack; AF_XDP takes the frame before any stack could finish them.
  ip netns exec "$namespace" ethtool -K demo0 tx off >/dev/null
  ip -n "$namespace" link set lo up
  ip -n "$namespace" link set demo0 up
  ip -n "$DEMO_NAME" link set "$peer" up
}

demo_network() {
  log "two hosts, $DEMO_NAME-a and $DEMO_NAME-b, each with one cable into $DEMO_NAME"
  ip netns add "$DEMO_NAME"
  ip netns exec "$DEMO_NAME" sysctl -q -w net.ipv6.conf.default.disable_ipv6=1
  demo_host "$DEMO_NAME-a" "$DEMO_A_ADDRESS" nfdemoa
  demo_host "$DEMO_NAME-b" "$DEMO_B_ADDRESS" nfdemob
}

demo_link() {
  log "a UMEM, a socket on each cable, and a link between them"
  show_nfctl umem create demo --size 16MiB
  show_nfctl xsk bind demo-a --umem demo --interface nfdemoa "${demo_bind_options[@]}" --queue 0
  show_nfctl xsk bind demo-b --umem demo --interface nfdemob "${demo_bind_options[@]}" --queue 0
  show_nfctl link create demo --a demo-a --b demo-b
}

# demo_counter FIELD: a counter of the link, such as aToBBytes (protobuf's JSON writes 64-bit numbers as strings).
demo_counter() {
  nfctl stats --output json |
    jq -e -r --arg field "$1" \
      '[(.stats // .).links[]? | select(.link == "demo") | .[$field] // 0 | tonumber] | add // 0'
}

demo_await_server() {
  local tries=50
  until [[ -n "$(ip netns exec "$DEMO_NAME-b" ss -Hltn "sport = :$DEMO_PORT")" ]]; do
    ((tries-- > 0)) || die "iperf3 does not listen"
    sleep 0.1
  done
}

# demo_iperf FILE FIELD: a whole number of what the receiver saw; 0 when iperf3 wrote no report.
demo_iperf() {
  local value
  value="$(jq -r --arg field "$2" '.end.sum_received[$field] // 0 | floor' "$1" 2>/dev/null)" || true
  printf '%s\n' "${value:-0}"
}

# demo_traffic: ping, then TCP; sets the verdict's parts.
demo_traffic() {
  local output bytes_before bytes_after
  demo_ping=""
  demo_bits=0
  demo_bytes=0
  demo_counted=0

  log "ping from $DEMO_NAME-a to $DEMO_NAME-b"
  # shellcheck disable=SC2154 # run is run.sh's
  output="$run/demo.out"
  attend ip netns exec "$DEMO_NAME-a" ping -n -c 3 -i 0.3 -W 2 "$DEMO_B_ADDRESS" >"$output" || true
  cat "$output"
  demo_ping="$(sed -n 's/^\([0-9]*\) packets transmitted, \([0-9]*\) received.*/\2 of \1/p' "$output")"

  log "$DEMO_TCP_SECONDS s of TCP from $DEMO_NAME-a to $DEMO_NAME-b"
  spawn ip netns exec "$DEMO_NAME-b" iperf3 -s -1 -B "$DEMO_B_ADDRESS" -p "$DEMO_PORT" >/dev/null 2>&1
  # shellcheck disable=SC2154 # spawned is run.sh's
  demo_server=$spawned
  demo_await_server
  bytes_before="$(demo_counter aToBBytes)"
  attend timeout 30 ip netns exec "$DEMO_NAME-a" \
    iperf3 -c "$DEMO_B_ADDRESS" -p "$DEMO_PORT" -t "$DEMO_TCP_SECONDS" --json >"$output" || true
  demo_bits="$(demo_iperf "$output" bits_per_second)"
  demo_bytes="$(demo_iperf "$output" bytes)"
  rm -f "$output"
  stop_pid "$demo_server"
  demo_server=""
  # The segment is read once per call, so the figures are those of after the traffic.
  bytes_after="$(demo_counter aToBBytes)"
  demo_counted=$((bytes_after - bytes_before))
}

# demo_keep_moving: 100 pings a second until the end, so that there is something to see in the live table.
demo_keep_moving() {
  spawn ip netns exec "$DEMO_NAME-a" ping -n -q -i 0.01 "$DEMO_B_ADDRESS" >/dev/null 2>&1
  demo_trickle=$spawned
}

# demo_verdict: prints it, and is true only when everything arrived and the counters saw it.
demo_verdict() {
  local fault=""
  [[ $demo_ping == "3 of 3" ]] || fault="ping: ${demo_ping:-no} answers"
  ((demo_bits > 0)) || fault="${fault:+$fault; }TCP moved nothing"
  # What TCP delivered crossed the link with headers around it, so the link must have counted more.
  ((demo_counted > demo_bytes)) ||
    fault="${fault:+$fault; }the link counted $demo_counted bytes of the $demo_bytes that TCP delivered"
  printf '\n'
  show_nfctl stats
  printf '\n'
  if [[ -n $fault ]]; then
    printf 'demo: FAILED: %s\n' "$fault"
    return 1
  fi
  printf 'demo: passed: ping %s, TCP %s Gbit/s, the link counted %s bytes from a to b\n' "$demo_ping" \
    "$(jq -n -r --argjson bits "$demo_bits" '$bits / 1e7 | round / 100')" "$demo_counted"
}
