"""The contestants: ours, and dpdk-testpmd with net_vhost, each on the worker's CPU."""
import os
import subprocess

from machine import WORKER_CPU, wait_for
from ours import Ours
from peers import Lines, Testpmd


class TestpmdBackend(Testpmd):
    """dpdk-testpmd: one forwarding core, its main thread asleep on the same CPU."""

    MODES = {"none": "rxonly", "self": "io", "pair": "io"}

    def start(self, case, sockets):
        command = ["stdbuf", "-oL", "dpdk-testpmd", "--no-pci", "--no-telemetry", "--file-prefix",
                   f"nfbenchback{os.getpid()}", "--lcores", f"0@{WORKER_CPU},1@{WORKER_CPU}",
                   "-m", "256", "--huge-dir", self._machine.huge, "--huge-unlink"]
        for i, path in enumerate(sockets):
            command += ["--vdev", f"net_vhost{i},iface={path},queues=1"]
        command += ["--", "-i", f"--forward-mode={self.MODES[case.scenario.joined]}", "--auto-start",
                    "--record-core-cycles", "--nb-cores=1", "--total-num-mbufs=32768"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                         stderr=subprocess.STDOUT, text=True)
        self._lines = Lines(self._process.stdout)
        self._wait("packets/burst=")
        wait_for("testpmd's sockets", lambda: all(os.path.exists(path) for path in sockets))

    def ready(self):
        """Its ports forward as soon as a front-end is there."""


class OurBackend(Ours):
    """One keeper, one data plane with one worker, one service."""

    LINKS = {"self": ("v0", "v0"), "pair": ("v0", "v1")}

    def __init__(self, machine, options=()):
        super().__init__(machine, namespace=None, options=options)
        self._devices = []

    def start(self, case, sockets):
        self.serve()
        self._devices = [f"v{i}" for i in range(len(sockets))]
        for device, path in zip(self._devices, sockets):
            self.nfctl("vhost", "create", device, "--socket", path, "--queue-size-max", "1024",
                       "--cpu", str(WORKER_CPU))
        if case.scenario.joined in self.LINKS:
            a, b = self.LINKS[case.scenario.joined]
            self.nfctl("link", "create", "l0", "--a", f"vhost:{a}", "--b", f"vhost:{b}")

    def ready(self):
        """Waits until the front-ends' rings run."""
        def started():
            return all("STARTED" in str(self.device(device)["status"]["state"]) for device in self._devices)
        wait_for("our devices to be started", started)

    def device(self, name):
        answer = self.nfctl("vhost", "get", name)
        return answer.get("vhostDevice", answer)
