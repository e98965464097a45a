"""Ping through a back-end: two namespaces with a tap each, whose packets testpmd takes to a device and back.

ping -> kernel -> tap -> testpmd (net_tap, virtio-user) -> back-end -> virtio-user -> tap -> kernel, and all the way
back. The front-end polls on its CPU, ping and the kernel run where there is room, so it is the same way for both
contestants, and the back-end is what differs.
"""
import os
import subprocess

from latency import percentile, ping
from machine import FAR, GENERATOR_CPU, NEAR, run, say, state_of_caches, stop, wait_for
from peers import Lines
from rounds import entry
from scenarios import Case, Scenario

TAPS = ("nfbench0", "nfbench1")
ADDRESSES = ("198.18.3.1", "198.18.3.2")
TITLE = "ping RTT through two taps"

# Asleep after 50 us without work, as a user runs it; and never, as testpmd.
MANNERS = {"as it is run": (), "polling": ("--spin-us", "1000000")}
JOINED = Scenario("ping", TITLE, 2, "io", "start", "pair", "rx")


class PingFrontend:
    """net_tap and virtio-user in pairs, in one forwarding core on the generator's CPU."""

    def __init__(self, machine, layout, sockets):
        packed = int(layout == "packed")
        cards = [f"net_virtio_user{i},path={path},queues=1,queue_size=1024,packed_vq={packed}"
                 for i, path in enumerate(sockets)]
        command = ["stdbuf", "-oL", "dpdk-testpmd", "--no-pci", "--no-telemetry", "--file-prefix",
                   f"nfbenchtap{os.getpid()}", "--lcores", f"0@{GENERATOR_CPU},1@{GENERATOR_CPU}",
                   "-m", "256", "--single-file-segments", "--huge-dir", machine.huge]
        for device in (f"net_tap0,iface={TAPS[0]}", *cards, f"net_tap1,iface={TAPS[1]}"):
            command += ["--vdev", device]
        command += ["--", "-i", "--nb-cores=1", "--forward-mode=io", "--port-topology=paired", "--auto-start",
                    "--total-num-mbufs=32768"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                         stderr=subprocess.STDOUT, text=True)
        lines = Lines(self._process.stdout)
        wait_for("the front-end to forward", lambda: "packets/burst=" in lines.text, 60)
        for tap, namespace, address in zip(TAPS, (NEAR, FAR), ADDRESSES):
            run("ip", "link", "set", tap, "netns", namespace)
            run("ip", "-n", namespace, "addr", "add", f"{address}/24", "dev", tap)
            run("ip", "-n", namespace, "link", "set", tap, "up")

    def close(self):
        stop(self._process)


def measure(machine, contestant, layout, count):
    """Round trips in microseconds, sorted, and the state of the machine."""
    sockets = [os.path.join(machine.folder, f"vhost{i}.sock") for i in range(2)]
    before, _ = state_of_caches()
    front = None
    machine.drop_namespaces()
    for namespace in (NEAR, FAR):
        run("ip", "netns", "add", namespace)
    try:
        contestant.start(Case(JOINED, layout, 64), sockets)
        front = PingFrontend(machine, layout, sockets)
        contestant.ready()
        ping(NEAR, ADDRESSES[1], 200)
        times = ping(NEAR, ADDRESSES[1], count)
    finally:
        if front is not None:
            front.close()
        contestant.close()
        machine.drop_namespaces()
        for path in sockets:
            if os.path.exists(path):
                os.unlink(path)
    after, _ = state_of_caches()
    return times, before if before == after else f"{before}>{after}"


def ping_rows(machine, contestants, title, layout, rounds, count):
    """Median and 99th percentile of both; rounds in different states of the machine are paired all the same, since the
    way through the kernel is most of it, and the states are told."""
    pairs = {0.5: [], 0.99: []}
    for attempt in range(rounds):
        order = contestants[attempt % len(contestants):] + contestants[:attempt % len(contestants)]
        told = {c.name: measure(machine, c, layout, count) for c in order}
        say(f"  {title}, round {attempt + 1}: " + ", ".join(
            f"{n} p50 {percentile(t, 0.5):.0f} us, p99 {percentile(t, 0.99):.0f} us ({s})"
            for n, (t, s) in sorted(told.items())))
        if len(told) == 2:
            for share, values in pairs.items():
                values.append(tuple(percentile(told[name][0], share) for name in ("ours", "testpmd")))
    return [entry(f"{title}, p{int(share * 100)}", "us", values, more_is_better=False)
            for share, values in pairs.items() if values]
