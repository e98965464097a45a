#!/usr/bin/env bash
# Debian packages by purpose: installs what is missing, or with --check only says what is missing.
#
#   eng/packages.sh [--check] GROUP…      GROUP: build unit demo test guest bench image
#
# Exit code: 0 nothing is missing (any more), 1 something is and could not be installed.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

declare -Ar PACKAGES=(
  # The XDP program is C for the BPF target; nf-dataplane loads it with libbpf. clang, which brings a linker and the C
  # library's headers with it, compiles src/Linux/Native, too.
  [build]="clang llvm libbpf-dev libpcap-dev linux-libc-dev"
  # The checks and the tests that need no privileges: two checkers of metrics, and of scripts and JSON.
  [unit]="prometheus python3-prometheus-client shellcheck pyflakes3 jq gcc libc6-dev"
  [demo]="iproute2 ethtool iperf3 iputils-ping jq util-linux procps"
  # A foreign gRPC client, a packet capture, a Prometheus that scrapes, and what looks at the kernel from outside.
  [test]="python3-grpcio python3-protobuf protobuf-compiler protobuf-compiler-grpc tcpdump bpftool prometheus procps"
  # Virtual machines as peers of vhost-user devices (the demo group has iperf3 and ethtool).
  [guest]="qemu-system-x86 busybox-static cpio gcc libc6-dev iperf3 ethtool"
  # The peer of the benchmarks, and of the end-to-end tests of vhost-user: dpdk-testpmd.
  [bench]="dpdk-dev gcc libc6-dev"
  # Container images, and a base image where there is no registry.
  [image]="podman runc conmon containernetworking-plugins debootstrap"
)

# missing_of GROUP…: the packages that are not installed, one a line, each once.
missing_of() {
  local group
  local -a wanted=()
  for group in "$@"; do
    read -r -a wanted <<<"${wanted[*]} ${PACKAGES[$group]//$'\n'/ }"
  done
  # One call for all: dpkg-query takes longer to start than to answer. It fails for names it never heard of.
  comm -23 \
    <(printf '%s\n' "${wanted[@]}" | sort -u) \
    <({ dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${wanted[@]}" 2>/dev/null || true; } |
      sed -n 's/^installed //p' | sort -u)
}

main() {
  local check=false group
  local -a missing=()
  if [[ ${1:-} == --check ]]; then
    check=true
    shift
  fi
  [[ $# -gt 0 ]] || die "usage: eng/packages.sh [--check] GROUP… (${!PACKAGES[*]})"
  for group in "$@"; do
    [[ -v PACKAGES[$group] ]] || die "no package group '$group'; there are: ${!PACKAGES[*]}"
  done

  if ! has dpkg-query apt-get; then
    warn "not a Debian-like system; what is needed from its package manager (Debian's names):"
    for group in "$@"; do
      printf '  %-6s %s\n' "$group" "$(echo "${PACKAGES[$group]}" | tr -s ' ')" >&2
    done
    # Nothing can be checked by name here: whoever needs a tool finds out by itself.
    return 0
  fi

  mapfile -t missing < <(missing_of "$@")
  [[ ${#missing[@]} -gt 0 ]] || return 0

  if $check || ! is_root; then
    printf 'missing Debian packages; as root:\n  apt-get install -y --no-install-recommends %s\n' "${missing[*]}" >&2
    return 1
  fi

  log "installing ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

main "$@"
