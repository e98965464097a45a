"""The table and what its rows mean."""

COUNT_TOLERANCE = 0.02

LEGEND = """rows (rates are counted by the front-end, busy time by the back-end; the front-end is always testpmd with
virtio-user on CPU 1, the back-end is on CPU 0):
  guest to host      the guest sends (txonly); the back-end counts and drops: ours a device without a link, testpmd
                     rxonly
  host to guest      a back-end of ours has no packets of its own to give, so they come from a second device: a source
                     that costs next to nothing (net_null) sends on one device, the back-end links it to the other, what
                     the front-end receives there counts; testpmd does the same between two net_vhost ports (io).
                     The busy time is that of taking a packet from one guest and giving it to the other
  loop               512 packets go round: the guest forwards what it receives (io), the back-end sends it back
  open loop          the guest makes packets and drops what comes back (flowgen), the back-end sends them back
  device to device   as loop, with two devices: what comes from one goes to the other, both ways
  2 buffers          as the row of that name, a packet lies in two buffers of the guest (an indirect table); merged: it
                     comes in two as well
  neither mergeable  as loop, with rings whose driver took neither mergeable buffers nor in-order
  nor in order
  round trip         1 or 8 packets go round: how long one takes, which waiting for more packets would lengthen
  ping RTT through   between two namespaces, through the kernel, testpmd's net_tap and virtio-user, the back-end and all
  two taps           of it again, and back: the median and the 99th percentile
  QEMU guest to      two virtual machines without hardware help on two CPUs that pollers use as well: ping, and one TCP
  guest              connection of iperf3. For orientation: it measures QEMU"""


def print_table(rows):
    def text(value):
        return "-" if value is None else f"{value:.3f}" if value < 100 else f"{value:.1f}"
    cells = [["row", "unit", "ours", "testpmd", "ratio"]]
    cells += [[r["row"], r["unit"], text(r["ours"]), text(r["peer"]), text(r["ratio"])] for r in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(5)]
    for row in cells:
        print("  ".join(c.ljust(w) if i < 2 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths))))
