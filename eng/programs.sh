# shellcheck shell=bash
# Builds the four programs, and says where they are. Sourced by run.sh and the benches, after common.sh.

readonly NF_STAMP="$NF_ARTIFACTS/stamps/programs"
readonly NF_PROGRAMS=(Keeper/nf-keeper DataPlane/nf-dataplane NfService/nf-service Nfctl/nfctl)

# program NAME: the path of nf-keeper, nf-dataplane, nf-service or nfctl as built.
program() {
  local entry
  for entry in "${NF_PROGRAMS[@]}"; do
    if [[ ${entry#*/} == "$1" ]]; then
      printf '%s/bin/%s/release/%s\n' "$NF_ARTIFACTS" "${entry%/*}" "$1"
      return
    fi
  done
  die "no program '$1'"
}

# programs_fingerprint: changes whenever a source, a build file or the SDK does.
programs_fingerprint() {
  (
    cd "$NF_ROOT" || exit
    {
      find src compat protos eng/*.props Directory.* global.json BannedSymbols.txt .editorconfig eng/Programs.slnf \
        -name bin -prune -o -name obj -prune -o -type f -printf '%p %s %T@\n' 2>/dev/null | LC_ALL=C sort
      stat -L -c '%n %Y' "$(command -v dotnet)"
    } | sha256sum
  )
}

# build_programs: Release, unless what is there was built from what is here now. Asking the build itself whether it is
# up to date takes longer than the whole start.
build_programs() {
  local fingerprint entry fresh=true
  fingerprint="$(programs_fingerprint)"
  [[ -r $NF_STAMP && "$(<"$NF_STAMP")" == "$fingerprint" ]] || fresh=false
  for entry in "${NF_PROGRAMS[@]}"; do
    [[ -x "$(program "${entry#*/}")" ]] || fresh=false
  done
  if $fresh; then
    return 0
  fi

  log "building (the first time takes a minute or two)"
  rm -f "$NF_STAMP"
  dotnet build "$NF_ROOT/eng/Programs.slnf" -c Release -v quiet --nologo || die "the build failed"
  mkdir -p "$(dirname "$NF_STAMP")"
  printf '%s\n' "$fingerprint" >"$NF_STAMP"
}
