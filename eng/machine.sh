# shellcheck shell=bash
# What the machine must offer before anything is started. Sourced by run.sh, after common.sh.

# The capabilities the data plane needs, as "bit name"; SYS_ADMIN is for the demo's network namespaces.
readonly NF_CAPABILITIES="12 NET_ADMIN|13 NET_RAW|14 IPC_LOCK|21 SYS_ADMIN|38 PERFMON|39 BPF"

# Lines of the screen that check_machine prints, and whether one of them stands in the way.
machine_lines=()
machine_fit=true

# requirement NAME WHY_NOT REMEDY: WHY_NOT is empty when NAME is there.
requirement() {
  if [[ -z $2 ]]; then
    machine_lines+=("  [ok]       $1")
  else
    machine_fit=false
    machine_lines+=("  [missing]  $1: $2")
    machine_lines+=("             $3")
  fi
}

fault_of_root() {
  is_root || printf 'started by user %s' "$(id -un)"
}

fault_of_capabilities() {
  local effective entry
  local -a lacking=() entries
  effective=$((16#$(sed -n 's/^CapEff:[[:space:]]*//p' /proc/self/status)))
  IFS='|' read -r -a entries <<<"$NF_CAPABILITIES"
  for entry in "${entries[@]}"; do
    (((effective >> ${entry% *}) & 1)) || lacking+=("CAP_${entry#* }")
  done
  printf '%s' "${lacking[*]}"
}

fault_of_af_xdp() {
  if is_root && has perl; then
    # socket(AF_XDP, SOCK_RAW, 0): the kernel may know the protocol and a filter may still refuse the call.
    perl -e 'socket(my $s, 44, 3, 0) or print "socket(AF_XDP): $!"'
  elif ! grep -q '^XDP ' /proc/net/protocols; then
    printf 'the kernel has no AF_XDP sockets'
  fi
}

fault_of_bpf() {
  if [[ ! -e /proc/sys/kernel/unprivileged_bpf_disabled ]]; then
    printf 'the kernel has no bpf() system call'
  elif [[ ! -e /proc/sys/net/core/bpf_jit_enable ]]; then
    printf 'the kernel has no BPF compiler'
  fi
}

fault_of_dotnet() {
  if ! has dotnet; then
    printf 'no dotnet on the path'
  elif ! dotnet --list-sdks | grep -q '^10\.'; then
    printf 'dotnet has no SDK of version 10'
  fi
}

fault_of_bash() {
  ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] >= 501)) || printf 'this is %s' "$BASH_VERSION"
}

# check_machine PACKAGE_GROUP…: returns when everything is there (installing packages as root); otherwise prints one
# screen of what is missing and how to get it, and ends with exit code 1.
check_machine() {
  local fault packages=""
  requirement "bash 5.1 or newer" "$(fault_of_bash)" "Debian 12 and Ubuntu 22.04 have it"
  fault="$(fault_of_root)"
  requirement "root" "$fault" "run it as root: sudo ./run.sh"
  if [[ -z $fault ]]; then
    requirement "capabilities" "$(fault_of_capabilities)" \
      "in a container, add them (podman run --cap-add …) or run it on the host"
  fi
  requirement "AF_XDP sockets" "$(fault_of_af_xdp)" \
    "a kernel with CONFIG_XDP_SOCKETS=y, 6.1 or newer; distribution kernels have it"
  requirement "BPF" "$(fault_of_bpf)" "a kernel with CONFIG_BPF_SYSCALL=y and CONFIG_BPF_JIT=y"
  requirement ".NET SDK 10" "$(fault_of_dotnet)" "https://dotnet.microsoft.com/download/dotnet/10.0"

  # Installing changes the machine, so it comes only when nothing else stands in the way.
  if $machine_fit; then
    "$NF_ROOT/eng/packages.sh" "$@" || packages="some could not be installed"
  else
    packages="$("$NF_ROOT/eng/packages.sh" --check "$@" 2>&1 | sed -n 's/^  //p')"
    packages="${packages:+as root: $packages}"
  fi
  requirement "Debian packages" "${packages:+not all are installed}" "$packages"

  if ! $machine_fit; then
    printf 'NfService cannot start here. What it needs:\n\n' >&2
    printf '%s\n' "${machine_lines[@]}" >&2
    exit 1
  fi
}
