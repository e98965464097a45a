"""The peers: dpdk-testpmd with its AF_XDP driver, and the least possible C loop."""
import json
import os
import re
import signal
import subprocess
import threading

from machine import GENERATOR_CPU, NEAR, WORKER_CPU, BenchError, inside, stop, tool, wait_for


class Lines:
    """Everything a program says, gathered by a thread."""

    def __init__(self, stream):
        self.text = ""
        self._stream = stream
        threading.Thread(target=self._gather, daemon=True).start()

    def _gather(self):
        for line in self._stream:
            self.text += line


class Testpmd:
    """dpdk-testpmd: one forwarding core on the worker's CPU, its main thread asleep on the other."""

    name = "testpmd"
    MODES = {"receive": "rxonly", "loop": "io", "forward": "io", "forward-copy": "io"}

    def __init__(self, machine):
        self._machine = machine
        self._process = None
        self._lines = None
        self._clears = 0

    def start(self, scenario):
        ports = 2 if scenario.startswith("forward") else 1
        command = ["stdbuf", "-oL", "dpdk-testpmd", "--no-pci", "--no-telemetry",
                   "--file-prefix", f"nfbench{os.getpid()}", "--lcores", f"0@{GENERATOR_CPU},1@{WORKER_CPU}",
                   "-m", "512", "--huge-dir", self._machine.huge, "--huge-unlink"]
        for i in range(ports):
            command += ["--vdev", f"net_af_xdp{i},iface=near{i}"]
        command += ["--", "-i", f"--forward-mode={self.MODES[scenario]}", "--auto-start", "--record-core-cycles",
                    "--nb-cores=1"]
        self._process = subprocess.Popen(inside(NEAR, *command), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                         stderr=subprocess.STDOUT, text=True)
        self._lines = Lines(self._process.stdout)
        self._wait("packets/burst=")
        wait_for("testpmd's XDP program", lambda: self._machine.program_of("near0"))

    def pids(self):
        return {"data plane": self._process.pid}

    def begin(self):
        """Forgets what was counted so far."""
        self._tell("clear fwd stats all")
        before = self._lines.text.count("Forward statistics for port 0")
        self._tell("show fwd stats all")
        wait_for("testpmd's counters", lambda: self._lines.text.count("CPU cycles/packet") + self._lines.text.count(
            "Accumulated forward statistics") > before)

    def end(self):
        """Packets received and busy ns per packet since begin."""
        mark = len(self._lines.text)
        self._tell("stop")
        text = wait_for("testpmd's last counters",
                        lambda: self._lines.text[mark:] if "\nDone." in self._lines.text[mark:] else None)
        received = int(re.search(r"statistics for port 0 .*?RX-packets: (\d+)", text, re.S).group(1))
        sent = int(re.search(r"Accumulated.*?TX-packets: (\d+)", text, re.S).group(1))
        cycles = re.search(r"CPU cycles/packet=([\d.]+).*at (\d+) MHz", text)
        if not cycles:
            raise BenchError("testpmd printed no CPU cycles/packet")
        return {"packets": received, "sent": sent, "busy_ns": float(cycles.group(1)) * 1000.0 / float(cycles.group(2))}

    def close(self):
        if self._process and self._process.poll() is None:
            try:
                self._tell("quit")
                self._process.wait(15)
            except (subprocess.TimeoutExpired, BrokenPipeError):
                pass
        stop(self._process)

    def _tell(self, line):
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def _wait(self, text):
        def seen():
            if self._process.poll() is not None:
                raise BenchError(f"testpmd ended:\n{self._lines.text[-2000:]}")
            return text in self._lines.text
        wait_for(f"testpmd to say {text!r}", seen, 60)


class XskMin:
    """bench/c/xskmin.c."""

    name = "C loop"
    MODES = {"receive": ["drop", "near0"], "loop": ["loop", "near0"], "forward": ["forward", "near0", "near1"]}

    def __init__(self, machine):
        self._machine = machine
        self._process = None

    def start(self, scenario):
        command = inside(NEAR, tool("xsk-min"), str(WORKER_CPU), *self.MODES[scenario])
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        if self._process.stdout.readline().strip() != "ready":
            raise BenchError("xsk-min did not start")

    def begin(self):
        """Reports and forgets what was counted so far."""
        self._process.send_signal(signal.SIGUSR1)
        self._process.stdout.readline()

    def end(self):
        self._process.terminate()
        answer = json.loads(self._process.stdout.readline())
        self._process.wait()
        if answer["packets"] == 0:
            raise BenchError("xsk-min received nothing")
        return {"packets": answer["packets"], "sent": answer["sent"], "busy_ns": answer["busy_ns"] / answer["packets"]}

    def close(self):
        stop(self._process)
