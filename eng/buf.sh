#!/usr/bin/env bash
# Runs buf over protos/, fetching it into artifacts/npm when it is not on the path.
#
#   eng/buf.sh lint            eng/buf.sh breaking --against …
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

readonly BUF_VERSION=1.75.0
readonly NPM="$NF_ARTIFACTS/npm"

buf_path() {
  if has buf; then
    command -v buf
    return
  fi
  local buf="$NPM/node_modules/.bin/buf"
  if [[ ! -x $buf || ! -e $NPM/buf-$BUF_VERSION ]]; then
    has npm || die "buf needs npm (Debian: apt-get install nodejs npm) or a buf $BUF_VERSION on the path"
    mkdir -p "$NPM"
    npm install --prefix "$NPM" --silent --no-audit --no-fund --no-save "@bufbuild/buf@$BUF_VERSION" >&2
    touch "$NPM/buf-$BUF_VERSION"
  fi
  printf '%s\n' "$buf"
}

buf="$(buf_path)"
cd "$NF_ROOT/protos"
exec "$buf" "$@"
