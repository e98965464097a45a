#!/usr/bin/env bash
# Attaches a small virtual machine to a vhost-user socket and gives a shell in it.
#
#   eng/guest/run.sh [--packed] [--newer-qemu] [--address IP/PREFIX] [--mac MAC] SOCKET [COMMAND…]
#
#   --packed      offer packed rings instead of split ones
#   --newer-qemu  QEMU of the backports instead of the installed one
#   --address     of eth0 in the guest (default: 198.18.10.2/24)
#   --mac         of eth0 (default: 52:54:00 and the last three bytes of the address)
#   SOCKET        of a device that listens: nfctl vhost create vm0 --socket SOCKET
#   COMMAND       runs in the guest instead of a shell; its exit code is the script's
#
# Without hardware virtualisation a guest is slow, and boots within seconds all the same. `exit` ends it.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../common.sh"

readonly GUEST="$NF_ARTIFACTS/guest"
readonly MEMORY=192M
readonly BOOT_SECONDS_MAX=60

newer=false
packed=off
address=198.18.10.2/24
mac=""
socket=""
command=""
scratch=""
qemu_pid=""

usage() {
  sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p}' "$0"
}

parse() {
  while [[ $# -gt 0 ]]; do
    case $1 in
      --packed) packed=on ;;
      --newer-qemu) newer=true ;;
      --address | --mac)
        [[ $# -ge 2 && -n $2 ]] || die "$1 wants a value"
        printf -v "${1#--}" '%s' "$2"
        shift
        ;;
      -h | --help)
        usage
        exit 0
        ;;
      -*) die "unknown option '$1' (--help)" ;;
      *) break ;;
    esac
    shift
  done
  [[ $# -ge 1 ]] || die "which socket? (--help)"
  socket=$1
  shift
  command="$*"
  [[ $address =~ ^[0-9]+\.([0-9]+)\.([0-9]+)\.([0-9]+)/[0-9]+$ ]] ||
    die "--address wants an address such as 10.0.0.2/24"
  : "${mac:=$(printf '52:54:00:%02x:%02x:%02x' "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}" "${BASH_REMATCH[3]}")}"
  [[ -S $socket ]] || die "no socket $socket; does the device exist (nfctl vhost get NAME)?"
}

cleanup() {
  [[ -z $qemu_pid ]] || stop_pid "$qemu_pid"
  [[ -z $scratch ]] || rm -rf "$scratch"
}

# with_command: the command goes in over the second serial port; eng/guest/init tells how.
with_command() {
  local line code
  scratch="$(mktemp -d)"
  trap cleanup EXIT
  mkfifo "$scratch/shell.in" "$scratch/shell.out"
  # Both ends stay open here, so that neither side waits for the other.
  exec {to}<>"$scratch/shell.in" {from}<>"$scratch/shell.out"
  spawn "$@" -serial "file:$scratch/console" -serial "pipe:$scratch/shell" 2>"$scratch/qemu.log"
  qemu_pid=$spawned
  while IFS= read -r -t "$BOOT_SECONDS_MAX" line <&"$from"; do
    case $line in
      "ready "*) printf '1 %s\n' "$command" >&"$to" ;;
      "1| "*) printf '%s\n' "${line#1| }" ;;
      "1= "*)
        code=${line#1= }
        return "$code"
        ;;
    esac
  done
  cat "$scratch/console" "$scratch/qemu.log" >&2
  die "the guest did not answer"
}

main() {
  local qemu=qemu-system-x86_64 card append
  parse "$@"
  has qemu-system-x86_64 || "$NF_ROOT/eng/packages.sh" guest || die "QEMU is missing"
  "$NF_ROOT/eng/guest/build.sh" >&2
  card="virtio-net-pci,netdev=net,romfile=,mac=$mac,packed=$packed"
  if $newer; then
    qemu="$("$NF_ROOT/eng/guest/qemu.sh")"
  else
    # QEMU 7.2 without KVM crashes with vhost-user and MSI-X.
    card+=",vectors=0"
  fi
  append="console=ttyS0 quiet panic=-1 tsc=reliable mitigations=off nf.address=$address"
  local -a machine=("$qemu" -nodefaults -display none -M pc -cpu max -accel "tcg,thread=multi" -m "$MEMORY"
    -object "memory-backend-memfd,id=memory,size=$MEMORY,share=on" -numa "node,memdev=memory"
    -kernel "$GUEST/vmlinuz" -initrd "$GUEST/initramfs.gz" -no-reboot
    -chardev "socket,id=char,path=$socket" -netdev "vhost-user,id=net,chardev=char" -device "$card")
  if [[ -n $command ]]; then
    with_command "${machine[@]}" -append "$append"
  else
    exec "${machine[@]}" -append "$append nf.shell" -serial mon:stdio
  fi
}

main "$@"
