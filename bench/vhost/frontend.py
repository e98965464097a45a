"""The front-end of every row: dpdk-testpmd with virtio-user, on a CPU of its own."""
import os
import re
import subprocess
import time

from machine import GENERATOR_CPU, BenchError, stop, wait_for
from peers import Lines

RING = 1024


class Frontend:
    """One forwarding core with one or two virtio-user ports on the generator's CPU."""

    def __init__(self, machine, case, sockets):
        self._case = case
        scenario = case.scenario
        devices, self._first = [], 0
        packed = int(case.layout == "packed")
        cards = [f"net_virtio_user{i},path={path},queues=1,queue_size={RING},{scenario.card},packed_vq={packed}"
                 for i, path in enumerate(sockets)]
        segments = ",".join([str(case.size // scenario.segments)] * scenario.segments)
        options = []
        if scenario.key == "host-guest":
            # A source that costs next to nothing, first device, back-end, second device, a sink.
            devices = [f"net_null0,size={case.size},copy=0", *cards, "net_null1,no-rx=1"]
            options = ["--port-topology=paired"]
            self._first = 1
        else:
            devices = cards
            if scenario.key == "pair":
                options = ["--port-topology=paired"]
        self._last = self._first + len(cards) - 1
        command = ["stdbuf", "-oL", "dpdk-testpmd", "--no-pci", "--no-telemetry", "--file-prefix",
                   f"nfbenchfront{os.getpid()}", "--lcores", f"0@{GENERATOR_CPU},1@{GENERATOR_CPU}",
                   "-m", "256", "--single-file-segments", "--huge-dir", machine.huge]
        for device in devices:
            command += ["--vdev", device]
        command += ["--", "-i", "--nb-cores=1", f"--forward-mode={scenario.mode}", f"--txpkts={segments}",
                    f"--burst={scenario.burst}", "--total-num-mbufs=32768", f"--rxd={RING}", f"--txd={RING}",
                    *options]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                         stderr=subprocess.STDOUT, text=True)
        self._lines = Lines(self._process.stdout)
        self._wait("Checking link statuses...", 0)
        self._wait("Done", self._lines.text.index("Checking link statuses..."))

    def start(self):
        mark = len(self._lines.text)
        self._tell(self._case.scenario.start)
        self._wait("packets/burst=", mark)

    def measure(self, seconds):
        """Packets per second that came through, as testpmd's own clock and counters say, and how many there were."""
        before, _ = self._show()
        time.sleep(seconds)
        after, pps = self._show()
        return pps, after - before

    def errors(self):
        return self._lines.text[-2000:]

    def close(self):
        if self._process.poll() is None:
            try:
                self._tell("quit")
                self._process.wait(15)
            except (subprocess.TimeoutExpired, BrokenPipeError):
                pass
        stop(self._process)

    def _show(self):
        """(packets, packets per second since the last call) of the counting port."""
        port = self._first if self._case.scenario.counter == "tx" else self._last
        direction = self._case.scenario.counter.upper()
        mark = len(self._lines.text)
        self._tell(f"show port stats {port}")
        text = wait_for("the front-end's counters", lambda: self._block(mark))
        packets = int(re.search(rf"{direction}-packets:\s+(\d+)", text).group(1))
        pps = int(re.search(rf"{direction.capitalize()}-pps:\s+(\d+)", text).group(1))
        return packets, pps

    def _block(self, mark):
        text = self._lines.text[mark:]
        return text if re.search(r"Tx-pps:.*\n\s*#{20,}", text) else None

    def _tell(self, line):
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def _wait(self, text, mark):
        def seen():
            if self._process.poll() is not None:
                raise BenchError(f"the front-end ended:\n{self._lines.text[-2000:]}")
            return text in self._lines.text[mark:]
        wait_for(f"the front-end to say {text!r}", seen, 60)
