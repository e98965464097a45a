#!/usr/bin/env bash
# Makes the test guest: a Debian kernel and an initramfs with busybox, virtio-net, iperf3, ethtool and the traffic tools
# of bench/c, driven over its second serial port (eng/guest/init tells how).
#
#   eng/guest/build.sh [--refresh]
#
#   --refresh  download the kernel again, although one is there
#
# Everything is below artifacts/guest (vmlinuz, initramfs.gz), made once, and made again when what it is made of has
# changed. Exit code 0 when both files are there.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../common.sh"

readonly GUEST="$NF_ARTIFACTS/guest"
readonly KERNEL=linux-image-cloud-amd64
# In the order in which they are loaded.
readonly MODULES="virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci failover net_failover
  virtio_net"
readonly PROGRAMS="iperf3 ethtool"
readonly TOOLS="seqsend seqrecv"

scratch=""

# fetch_kernel: unpacks the kernel's package, which the meta package names, below $GUEST/kernel.
fetch_kernel() {
  local package
  if [[ -s $GUEST/vmlinuz && -d $GUEST/modules ]] && [[ ${1:-} != --refresh ]]; then
    return 0
  fi
  package="$(apt-cache depends --important "$KERNEL" 2>/dev/null | sed -n 's/^ *Depends: *\(linux-image-[^ ]*\)$/\1/p')"
  if [[ -z $package ]]; then
    apt-get update -qq
    package="$(apt-cache depends --important "$KERNEL" | sed -n 's/^ *Depends: *\(linux-image-[^ ]*\)$/\1/p')"
  fi
  [[ -n $package ]] || die "apt knows no $KERNEL"
  log "kernel of the test guest: $package"
  # apt's own user may not write here, and says so; root does it then.
  (cd "$scratch" && apt-get download -qq "$package" 2>/dev/null) ||
    (apt-get update -qq && cd "$scratch" && apt-get download -qq "$package") || die "$package cannot be downloaded"
  dpkg -x "$scratch"/linux-image-*.deb "$scratch/kernel"
  rm -rf "$GUEST/modules"
  mkdir -p "$GUEST/modules"
  local module
  for module in $MODULES; do
    find "$scratch/kernel/lib/modules" -name "$module.ko*" -exec cp {} "$GUEST/modules/" \;
    [[ -n "$(find "$GUEST/modules" -name "$module.ko*")" ]] || die "$package has no module $module"
  done
  cp "$scratch"/kernel/boot/vmlinuz-* "$GUEST/vmlinuz"
}

# with_libraries ROOT PROGRAM: a program and the libraries it loads, at the paths where its loader looks.
with_libraries() {
  local root=$1 path library
  path="$(PATH=$PATH:/usr/sbin:/sbin command -v "$2")" || die "no $2; eng/packages.sh guest installs it"
  install -D "$path" "$root/bin/$2"
  for library in $(ldd "$path" | grep -o '/[^ ]*'); do
    install -D "$library" "$root$library"
  done
}

initramfs() {
  local root="$scratch/root" name link
  install -d "$root"/{bin,dev,etc,lib/modules,proc,root,sys,tmp}
  install "$(command -v busybox)" "$root/bin/busybox"
  while read -r link; do
    ln -sf busybox "$root/bin/$link"
  done < <(busybox --list | grep -vx busybox)
  { printf '#!/bin/sh\n' && cat "$NF_ROOT/eng/guest/init"; } >"$root/init"
  chmod 0755 "$root/init"
  cp "$GUEST"/modules/* "$root/lib/modules/"
  for name in $PROGRAMS; do
    with_libraries "$root" "$name"
  done
  for name in $TOOLS; do
    gcc -O2 -std=gnu11 -static -o "$root/bin/nf-$name" "$NF_ROOT/bench/c/$name.c"
  done
  (cd "$root" && find . -print0 | cpio --null --create --format=newc --owner=0:0 --quiet) | gzip -1 \
    >"$GUEST/initramfs.part"
  mv "$GUEST/initramfs.part" "$GUEST/initramfs.gz"
}

# ingredients: a line that changes with anything the initramfs is made of.
ingredients() {
  cat "$NF_ROOT"/eng/guest/{build.sh,init} "$NF_ROOT"/bench/c/{seqsend.c,seqrecv.c,seq.h,util.h} "$GUEST/vmlinuz" |
    sha256sum | cut -d' ' -f1
}

main() {
  mkdir -p "$GUEST"
  exec {lock}>"$GUEST/.lock"
  flock "$lock"
  has busybox cpio iperf3 gcc ethtool || "$NF_ROOT/eng/packages.sh" guest || die "the test guest cannot be made"
  scratch="$(mktemp -d)"
  trap 'rm -rf "$scratch"' EXIT
  fetch_kernel "${1:-}"
  if [[ ! -s $GUEST/initramfs.gz || "$(cat "$GUEST/ingredients" 2>/dev/null)" != "$(ingredients)" ]]; then
    initramfs
    ingredients >"$GUEST/ingredients"
    log "test guest: $(du -h "$GUEST/initramfs.gz" | cut -f1) of initramfs"
  fi
}

main "$@"
