#!/usr/bin/env bash
# Builds the two images, nf-dataplane and nf-service.
#
#   eng/images.sh [--prebuilt] [--local-base | --runtime-image IMAGE] [--build-image IMAGE] [--tag TAG]
#
#   --prebuilt             publish the programs with this machine's SDK instead of in a container
#   --local-base           make the base images out of this machine's .NET (eng/image-base.sh): needs no registry
#   --runtime-image IMAGE  base image of both (default: the official ones)
#   --build-image IMAGE    image with the SDK (default: the official one)
#   --tag TAG              default: the version in Directory.Build.props
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
. "$NF_ROOT/eng/podman.sh"

readonly LOCAL_RUNTIME=localhost/nf-base-runtime:10.0
readonly LOCAL_SDK=localhost/nf-base-sdk:10.0
readonly PUBLISHED="$NF_ARTIFACTS/image"

prebuilt=false
local_base=false
runtime_image=""
build_image=""
version="$(sed -n 's,.*<Version>\(.*\)</Version>.*,\1,p' "$NF_ROOT/Directory.Build.props")"
tag=$version

parse() {
  while [[ $# -gt 0 ]]; do
    case $1 in
      --prebuilt) prebuilt=true ;;
      --local-base) local_base=true ;;
      --runtime-image | --build-image | --tag)
        [[ $# -ge 2 && -n $2 ]] || die "$1 wants a value"
        local name=${1#--}
        printf -v "${name//-/_}" '%s' "$2"
        shift
        ;;
      *) die "unknown option '$1' (see the head of eng/images.sh)" ;;
    esac
    shift
  done
}

# publish FOLDER PROJECT…: into one folder, as the Dockerfiles' own build stages do.
publish() {
  local folder="$PUBLISHED/$1" project
  shift
  rm -rf "$folder"
  for project in "$@"; do
    log "publishing $project"
    dotnet publish "$NF_ROOT/src/$project" -c Release -o "$folder" -v quiet --nologo
  done
}

# image NAME FILE: builds docker/FILE.Dockerfile.
image() {
  local name=$1 file=$2
  local -a arguments=(--network host --format docker --file "$NF_ROOT/docker/$file.Dockerfile" --tag "$name:$tag"
    --build-arg "VERSION=$version" --build-arg "REVISION=$revision")
  [[ -z $runtime_image ]] || arguments+=(--build-arg "RUNTIME_IMAGE=$runtime_image")
  [[ -z $build_image ]] || arguments+=(--build-arg "BUILD_IMAGE=$build_image")
  ! $prebuilt || arguments+=(--target prebuilt)
  log "image $name:$tag"
  podman build "${arguments[@]}" "$NF_ROOT"
}

main() {
  local revision
  parse "$@"
  use_podman
  revision="$(git -C "$NF_ROOT" rev-parse HEAD 2>/dev/null || printf unknown)"
  mkdir -p "$PUBLISHED"
  if $local_base; then
    runtime_image=$LOCAL_RUNTIME
    podman image exists "$runtime_image" || "$NF_ROOT/eng/image-base.sh" "$runtime_image"
    if ! $prebuilt; then
      build_image=$LOCAL_SDK
      podman image exists "$build_image" || "$NF_ROOT/eng/image-base.sh" --sdk "$build_image"
    fi
  fi
  if $prebuilt; then
    publish dataplane Keeper DataPlane
    publish nf-service NfService Nfctl
  fi
  image nf-dataplane dataplane
  image nf-service nf-service
}

main "$@"
