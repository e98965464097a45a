#!/usr/bin/env bash
# Makes a base image out of this machine's .NET where no registry can be reached: Debian by debootstrap, and on top the
# runtime or the SDK installed here, laid out as in the official images.
#
#   eng/image-base.sh [--sdk] [--refresh] NAME
#
#   --sdk      a stand-in for the SDK image (with clang and libbpf's headers) instead of the runtime image
#   --refresh  download Debian again; otherwise the root file system of an earlier call is used
#
# Exit code 0 when podman has an image NAME, which is printed.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
. "$NF_ROOT/eng/podman.sh"

readonly SUITE=bookworm
readonly RUNTIME_PACKAGES=ca-certificates,libbpf1,libssl3,libstdc++6,tzdata,zlib1g
readonly SDK_PACKAGES=$RUNTIME_PACKAGES,clang,llvm,libbpf-dev,libpcap-dev,linux-libc-dev
readonly CERTIFICATES=/etc/ssl/certs/ca-certificates.crt
readonly DOTNET_HOME_IN_IMAGE=usr/share/dotnet

sdk=false
refresh=false
name=""
scratch=""

parse() {
  while [[ $# -gt 0 ]]; do
    case $1 in
      --sdk) sdk=true ;;
      --refresh) refresh=true ;;
      -*) die "unknown option '$1'" ;;
      *)
        [[ -z $name ]] || die "one NAME only"
        name=$1
        ;;
    esac
    shift
  done
  [[ -n $name ]] || die "usage: eng/image-base.sh [--sdk] [--refresh] NAME"
}

# mirror: the Debian mirror that this machine's apt uses.
mirror() {
  local uri
  # shellcheck disable=SC2016 # apt-get's own variable
  uri="$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Codename: $SUITE" 2>/dev/null | head -n 1)"
  printf '%s\n' "${uri:-http://deb.debian.org/debian}"
}

# debian FILE PACKAGES: a tar of a minimal Debian with these packages, made once.
debian() {
  local target=$1 packages=$2
  if [[ -s $target ]] && ! $refresh; then
    return 0
  fi
  has debootstrap || "$NF_ROOT/eng/packages.sh" image || die "a base image needs debootstrap"
  log "Debian $SUITE with ${packages//,/ }"
  debootstrap --variant=minbase --include="$packages" "$SUITE" "$scratch/debian" "$(mirror)" \
    >"$NF_IMAGES/debootstrap.log" 2>&1 || {
    tail -n 5 "$NF_IMAGES/debootstrap.log" >&2
    die "debootstrap failed (all of it in $NF_IMAGES/debootstrap.log)"
  }
  rm -rf "$scratch/debian"/var/cache/apt/archives/*.deb "$scratch/debian"/var/lib/apt/lists/*
  tar -C "$scratch/debian" --numeric-owner --exclude='./dev/*' --exclude='./proc/*' --exclude='./sys/*' \
    -cf "$target.part" .
  mv "$target.part" "$target"
  rm -rf --one-file-system "$scratch/debian"
}

# newest FOLDER: the newest version 10 in a folder of this machine's .NET.
newest() {
  local version
  version="$(find "$dotnet/$1" -mindepth 1 -maxdepth 1 -name '10.*' -printf '%f\n' 2>/dev/null | sort -V | tail -n 1)"
  [[ -n $version ]] || die "no $1 of version 10 in $dotnet"
  printf '%s/%s\n' "$1" "$version"
}

main() {
  local archive packages=$RUNTIME_PACKAGES dotnet
  local -a parts=()
  parse "$@"
  is_root || die "a base image needs root (debootstrap)"
  use_podman
  dotnet="$(dirname "$(readlink -f "$(command -v dotnet)")")" || die "no dotnet on this machine"
  ! $sdk || packages=$SDK_PACKAGES
  archive="$NF_IMAGES/$SUITE-$(sha256sum <<<"$packages" | cut -c1-12).tar"
  mkdir -p "$NF_IMAGES"
  scratch="$(mktemp -d "$NF_IMAGES/base.XXXXXX")"
  trap 'rm -rf --one-file-system "$scratch"' EXIT
  debian "$archive" "$packages"

  if $sdk; then
    parts=(.)
  else
    parts=(dotnet "$(newest host/fxr)" "$(newest shared/Microsoft.NETCore.App)"
      "$(newest shared/Microsoft.AspNetCore.App)")
  fi
  # The layers are put on top of each other by appending to a copy of the archive: no second copy of the tree.
  cp "$archive" "$scratch/image.tar"
  mkdir -p "$scratch/usr/bin" "$scratch/usr/share"
  ln -s "/$DOTNET_HOME_IN_IMAGE/dotnet" "$scratch/usr/bin/dotnet"
  tar -C "$scratch" --owner=0 --group=0 -rf "$scratch/image.tar" ./usr/bin/dotnet
  tar -C "$dotnet" --owner=0 --group=0 --transform "s,^\.\?/\?,./$DOTNET_HOME_IN_IMAGE/," --transform 's,/$,,' \
    -rf "$scratch/image.tar" "${parts[@]}"
  if $sdk && [[ -r $CERTIFICATES ]]; then
    # Packages come through whatever this machine trusts; only the image that compiles needs to.
    tar -C / --owner=0 --group=0 --transform 's,[^/]*$,machine.pem,' -rf "$scratch/image.tar" ".$CERTIFICATES"
  fi
  podman import --quiet --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
    --change 'ENV DOTNET_RUNNING_IN_CONTAINER=true' --change 'CMD ["bash"]' "$scratch/image.tar" "$name" >/dev/null
  printf '%s\n' "$name"
}

main "$@"
