# shellcheck shell=bash
# Settings of podman for machines without systemd or a registry. Sourced after common.sh.

readonly NF_IMAGES="$NF_ARTIFACTS/images"

# ulimit_of LETTER UNIT: the hard limit of this shell in the unit that the engine wants; -1 for none.
ulimit_of() {
  local value most
  value="$(ulimit -H"$1")"
  if [[ $1 == u ]]; then
    # podman lowers its own process limit to pid_max before it starts a container.
    most="$(</proc/sys/kernel/pid_max)"
    [[ $value != unlimited ]] && ((value <= most)) || value=$most
  fi
  if [[ $value == unlimited ]]; then
    printf '%s' -1
  else
    printf '%s' $((value * $2))
  fi
}

# use_podman: storage of its own below artifacts/, unless the caller brought settings (CONTAINERS_CONF). Without
# systemd podman needs the cgroupfs manager, and its default limits are higher than a restricted root may set.
use_podman() {
  local -a missing=()
  has podman || missing+=(podman)
  has runc || missing+=(runc)
  if [[ ${#missing[@]} -gt 0 ]]; then
    "$NF_ROOT/eng/packages.sh" image || die "containers need podman and runc"
  fi
  [[ -z ${CONTAINERS_CONF:-} ]] || return 0
  mkdir -p "$NF_IMAGES/podman"
  cat >"$NF_IMAGES/podman/containers.conf" <<CONF
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
[containers]
default_ulimits = ["nofile=$(ulimit_of n 1):$(ulimit_of n 1)", "nproc=$(ulimit_of u 1):$(ulimit_of u 1)",
  "memlock=$(ulimit_of l 1024):$(ulimit_of l 1024)"]
CONF
  cat >"$NF_IMAGES/podman/storage.conf" <<CONF
[storage]
driver = "overlay"
graphroot = "$NF_IMAGES/podman/root"
runroot = "$NF_IMAGES/podman/run"
CONF
  export CONTAINERS_CONF="$NF_IMAGES/podman/containers.conf"
  export CONTAINERS_STORAGE_CONF="$NF_IMAGES/podman/storage.conf"
}
