#!/usr/bin/env bash
# Cpumap bench: steering against the least XDP program, user-space cpumaps against one thread, and how long a caller
# waits. Prints a table; --json FILE writes the rows. --quick is a smoke run for CI. Read docs/performance.md first.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

if [[ ${1:-} == --help || ${1:-} == -h ]]; then
    exec /usr/bin/python3 "$root/bench/cpumap" --help
fi
if [[ $(id -u) != 0 ]]; then
    echo "bench/cpumap.sh: needs root (namespaces, BPF, CPUs of its own)" >&2
    exit 1
fi

"$root/eng/packages.sh" build demo test
for project in src/{Keeper,DataPlane,NfService,Nfctl} tests/tools/{ForwarderLife,SteerBench}; do
    if [[ ! -d $root/artifacts/bin/$(basename "$project")/release ]]; then
        dotnet build -c Release -v quiet --nologo "$root/$project" >&2
    fi
done

exec /usr/bin/python3 "$root/bench/cpumap" "$@"
