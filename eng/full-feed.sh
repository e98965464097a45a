#!/usr/bin/env bash
# Checks what -p:FullFeed=true makes of every project: the official packages, each with a version, and no stand-in.
#
#   eng/full-feed.sh
#
# It evaluates and restores nothing, so it also says something where the feed lacks these packages.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$NF_ROOT"

readonly SERVER="Grpc.AspNetCore Grpc.AspNetCore.HealthChecks Grpc.AspNetCore.Server.Reflection \
prometheus-net.AspNetCore"
readonly CLIENT="Grpc.Net.Client"

# faults PROJECT FULL_FEED: what is wrong with a project, one line each.
faults() {
  local wanted=""
  ! grep -q 'Grpc.Server.props' "$1" || wanted+=" $SERVER"
  ! grep -q 'Grpc.Client.props' "$1" || wanted+=" $CLIENT"
  dotnet msbuild "$1" "-p:FullFeed=$2" -getItem:PackageReference -getItem:PackageVersion -getItem:PackageDownload \
    -getItem:ProjectReference -getItem:Reference |
    jq -r --arg wanted "$wanted" '.Items
      | (.PackageReference | map(.Identity)) as $references
      | (.PackageVersion | map(.Identity)) as $versions
      | ($wanted | split(" ")[] | select(. != "") | select(IN($references[]) | not) | "lacks \(.)"),
        (.PackageReference[] | select(.IsImplicitlyDefined != "true") | .Identity
          | select(IN($versions[]) | not) | "\(.) has no version"),
        (.PackageDownload[].Identity | select(startswith("Grpc.")) | "downloads \(.)"),
        (.Reference[].Identity | select(startswith("Grpc.")) | "references the file of \(.)"),
        (.ProjectReference[].FullPath | select(contains("/compat/")) | "references \(.)")'
}

main() {
  local project found bad=0
  local -a projects
  mapfile -t projects < <(find src tests eng -name '*.csproj' | sort)
  for project in "${projects[@]}"; do
    found="$(faults "$project" true)" || die "$project cannot be evaluated"
    if [[ -n $found ]]; then
      printf '%s\n' "$found" | sed "s,^,$project: ,"
      bad=$((bad + 1))
    fi
  done
  # A check that cannot fail says nothing: without the switch the stand-ins must be found.
  found="$(faults src/NfService/NfService.csproj false)" || die "src/NfService cannot be evaluated"
  [[ $found == *compat* && $found == *"lacks Grpc.AspNetCore"* ]] || die "without the switch it finds: $found"
  log "${#projects[@]} projects, $bad with faults"
  ((bad == 0))
}

main
