#!/usr/bin/env bash
# Cpumap bench. Prints a table; --json FILE writes the rows. --quick is a smoke run for CI. Read docs/performance.md
# first.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

if [[ ${1:-} != --help && ${1:-} != -h ]]; then
    for tool in ForwarderLife SteerBench; do
        if [[ ! -d $root/artifacts/bin/$tool/release ]]; then
            dotnet build -c Release -v quiet --nologo "$root/tests/tools/$tool" >&2
        fi
    done
fi

exec /usr/bin/python3 "$root/bench/cpumap" "$@"
