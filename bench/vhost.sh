#!/usr/bin/env bash
# vhost-user bench: ours against dpdk-testpmd (net_vhost) as the back-end of the same virtio-user front-ends. Prints a
# table; --json FILE writes the rows. --quick is a smoke run for CI. Read docs/performance.md first.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

if [[ ${1:-} == --help || ${1:-} == -h ]]; then
    exec /usr/bin/python3 "$root/bench/vhost" --help
fi
if [[ $(id -u) != 0 ]]; then
    echo "bench/vhost.sh: needs root (huge pages, CPUs of its own)" >&2
    exit 1
fi

"$root/eng/packages.sh" build bench
make -s -C "$root/bench/c"
for project in Keeper DataPlane NfService Nfctl; do
    if [[ ! -d $root/artifacts/bin/$project/release ]]; then
        dotnet build -c Release -v quiet --nologo "$root/src/$project" >&2
    fi
done

exec /usr/bin/python3 "$root/bench/vhost" "$@"
