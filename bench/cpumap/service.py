"""What a caller of the service waits for: an entry of a cpumap replaced, a set of rules exchanged."""
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import types

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.append(os.path.join(ROOT, "bench", "afxdp"))

from machine import run  # noqa: E402
from ours import Ours  # noqa: E402

CPU = 1
QUEUE_SIZES = (192, 193)
RULES = (16, 64, 256)


class Client:
    """The foreign client of the end-to-end tests, on one open channel."""

    def __init__(self, socket, folder):
        tools = os.path.join(ROOT, "tests", "tools")
        self._process = subprocess.Popen(
            ["/usr/bin/python3", os.path.join(tools, "nf_client.py"), f"unix:{socket}", os.path.join(ROOT, "protos"),
             tools, os.path.join(folder, "stubs")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._process.stdout.readline()

    def call(self, method, **request):
        self._process.stdin.write(json.dumps({"method": method, "request": request}) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        if not answer["ok"]:
            raise RuntimeError(f"{method}: {answer['message']}")
        return answer["response"]

    def close(self):
        self._process.stdin.close()
        self._process.wait()


class ForeignMap:
    """A cpumap that bpftool made, on a bpffs of its own."""

    def __init__(self, folder):
        self._mount = os.path.join(folder, "bpf")
        os.mkdir(self._mount)
        run("mount", "-t", "bpf", "bpf", self._mount)
        self._path = os.path.join(self._mount, "peer")
        run("bpftool", "map", "create", self._path, "type", "cpumap", "key", "4", "value", "4", "entries", "2",
            "name", "nf_bench_peer")

    def update(self, queue_size):
        words = [number.to_bytes(4, sys.byteorder) for number in (CPU, queue_size)]
        key, value = ([f"{byte:#04x}" for byte in word] for word in words)
        run("bpftool", "map", "update", "pinned", self._path, "key", *key, "value", *value)

    def close(self):
        run("umount", self._mount, check=False)


def _milliseconds(action):
    start = time.perf_counter()
    action()
    return (time.perf_counter() - start) * 1e3


def _quantiles(samples):
    return statistics.median(samples), sorted(samples)[int(len(samples) * 0.99)]


def _entry_rows(client, folder, count):
    client.call("CpumapService.CreateCpumap", name="bench", spec={})
    peer = ForeignMap(folder)
    try:
        ours, theirs = [], []
        for turn in range(count + 2):
            size = QUEUE_SIZES[turn % 2]
            entry = {"cpu": CPU, "queue_size": size}
            ours.append(_milliseconds(
                lambda: client.call("CpumapService.UpdateCpumapEntry", cpumap="bench", entry=entry)))
            theirs.append(_milliseconds(lambda: peer.update(size)))
        # The first creates the entry, the second still compiles what replaces one.
        (half, most), (half_peer, most_peer) = _quantiles(ours[2:]), _quantiles(theirs[2:])
    finally:
        peer.close()
    row = "UpdateEntry until the old thread is gone vs bpftool map update"
    return [{"row": f"{row}, p50", "unit": "ms", "ours": half, "peer": half_peer, "ratio": half_peer / half},
            {"row": f"{row}, p99", "unit": "ms", "ours": most, "peer": most_peer, "ratio": most_peer / most}]


def _swap_rows(client, space, count):
    rows = []
    for rules in RULES:
        samples = []
        for turn in range(count + 1):
            spec = {"interface": "nfb0", "network_namespace": {"path": f"/run/netns/{space}"}, "rules": [
                {"name": f"r{i}", "match": {"ip_protocol": 17, "destination_port": {
                    "first": 1000 + i + turn, "last": 1000 + i + turn}}, "action": {"drop": {}}}
                for i in range(rules)]}
            samples.append(_milliseconds(lambda: client.call("SteeringService.SetSteering", name="bench", spec=spec)))
        rows.append({"row": f"SetSteering, {rules} rules exchanged, p50", "unit": "ms",
                     "ours": statistics.median(samples[1:])})
    client.call("SteeringService.DeleteSteering", name="bench")
    return rows


def service_rows(space, count):
    """Rows of a whole node: `count` updates of an entry, ours and the peer's in turns, and a tenth as many exchanges of
    rules, each of which is compiled and verified. The interface nfb0 is in `space`."""
    with tempfile.TemporaryDirectory(prefix="nf-bench-") as folder:
        node = Ours(types.SimpleNamespace(folder=folder), namespace=None)
        try:
            node.serve()
            client = Client(os.path.join(folder, "run", "nf.sock"), folder)
            try:
                return _entry_rows(client, folder, count) + _swap_rows(client, space, max(5, count // 10))
            finally:
                client.close()
        finally:
            node.close()
