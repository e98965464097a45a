#!/usr/bin/env bash
# Makes the newer QEMU of this Debian release's backports available beside the installed one, without installing it.
#
#   eng/guest/qemu.sh [--refresh]
#
# Unpacks it below artifacts/guest/qemu and prints the path of a wrapper that starts it. Signatures are checked by apt,
# with a configuration of its own: what the machine's apt knows does not change.
# Exit codes: 0 it is there, 1 it is not (the reason on stderr).
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../common.sh"

readonly HOME_OF_QEMU="$NF_ARTIFACTS/guest/qemu"
readonly WRAPPER="$HOME_OF_QEMU/qemu-system-x86_64"
readonly PACKAGES="qemu-system-x86 qemu-system-common qemu-system-data"
readonly KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

scratch=""

# private_apt COMMAND…: an apt-get that knows only the backports.
private_apt() {
  apt-get -qq -o "Dir::Etc::SourceList=$scratch/sources.list" -o Dir::Etc::SourceParts=- \
    -o "Dir::State::Lists=$scratch/lists" -o "Dir::Cache=$scratch/cache" -o APT::Sandbox::User=root "$@"
}

# mirror CODENAME: the Debian mirror that this machine's apt uses.
mirror() {
  local uri
  # shellcheck disable=SC2016 # apt-get's own variable
  uri="$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Codename: $1" 2>/dev/null | head -n 1)"
  printf '%s\n' "${uri:-http://deb.debian.org/debian}"
}

fetch() {
  local codename package
  codename="$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")"
  [[ -n $codename && -r $KEYRING ]] || die "no Debian with backports"
  mkdir -p "$scratch"/{lists/partial,cache/archives/partial,root}
  printf 'deb [signed-by=%s] %s %s-backports main\n' "$KEYRING" "$(mirror "$codename")" "$codename" \
    >"$scratch/sources.list"
  private_apt update || die "the backports of $codename are not reachable"
  for package in $PACKAGES; do
    (cd "$scratch" && private_apt download "$package/$codename-backports") ||
      die "the backports of $codename have no $package"
  done
  for package in "$scratch"/*.deb; do
    dpkg -x "$package" "$scratch/root"
  done
}

# The firmware of the installed QEMU serves, too; its network boot ROMs are not needed.
write_wrapper() {
  printf '#!/bin/sh\nexec %q -L %q -L /usr/share/seabios "$@"\n' \
    "$HOME_OF_QEMU/usr/bin/qemu-system-x86_64" "$HOME_OF_QEMU/usr/share/qemu" >"$WRAPPER"
  chmod +x "$WRAPPER"
}

main() {
  local missing
  mkdir -p "$NF_ARTIFACTS/guest"
  exec {lock}>"$NF_ARTIFACTS/guest/.lock-qemu"
  flock "$lock"
  if [[ ! -x $WRAPPER || ${1:-} == --refresh ]]; then
    scratch="$(mktemp -d)"
    trap 'rm -rf "$scratch"' EXIT
    fetch
    rm -rf "$HOME_OF_QEMU"
    mv "$scratch/root" "$HOME_OF_QEMU"
    write_wrapper
  fi
  missing="$(ldd "$HOME_OF_QEMU/usr/bin/qemu-system-x86_64" | sed -n 's/^[[:space:]]*\(.*\) => not found/\1/p')"
  [[ -z $missing ]] || die "QEMU of the backports wants libraries that are not installed: ${missing//$'\n'/ }"
  "$WRAPPER" --version >/dev/null || die "QEMU of the backports does not start"
  printf '%s\n' "$WRAPPER"
}

main "$@"
