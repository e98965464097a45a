#!/usr/bin/env bash
# AF_XDP bench: ours against dpdk-testpmd (net_af_xdp) and the least possible C loop, on fresh veths of namespaces of
# its own. Prints a table; --json FILE writes the rows. --quick is a smoke run for CI. Read docs/performance.md first.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

if [[ ${1:-} == --help || ${1:-} == -h ]]; then
    exec /usr/bin/python3 "$root/bench/afxdp" --help
fi
if [[ $(id -u) != 0 ]]; then
    echo "bench/afxdp.sh: needs root (namespaces, AF_XDP, huge pages)" >&2
    exit 1
fi

declare -A package=([dpdk-testpmd]=dpdk-dev [ip]=iproute2 [ethtool]=ethtool [cc]=gcc [make]=make [ping]=iputils-ping
    [stdbuf]=coreutils [nsenter]=util-linux)
missing=()
for tool in "${!package[@]}"; do
    command -v "$tool" >/dev/null || missing+=("${package[$tool]}")
done
if ((${#missing[@]})); then
    echo "installing ${missing[*]}" >&2
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" >&2
fi

make -s -C "$root/bench/c"
for project in Keeper DataPlane NfService Nfctl; do
    if [[ ! -d $root/artifacts/bin/$project/release ]]; then
        dotnet build -c Release -v quiet --nologo "$root/src/$project" >&2
    fi
done

exec /usr/bin/python3 "$root/bench/afxdp" "$@"
