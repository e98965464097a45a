"""Ours: nf-keeper and nf-service from the build output, told what to do by nfctl."""
import json
import os
import shutil
import subprocess

from machine import NEAR, ROOT, WORKER_CPU, BenchError, inside, stop, wait_for


def program(project, name):
    """The command that starts a program of the build output."""
    folder = os.path.join(ROOT, "artifacts", "bin", project, "release")
    host = os.path.join(folder, name)
    if os.path.exists(host):
        return [host]
    if os.path.exists(host + ".dll"):
        return ["dotnet", host + ".dll"]
    raise BenchError(f"{host}: not built (dotnet build -c Release src/{project})")


class Ours:
    """One keeper, one data plane with one worker, one service; stopped between rounds."""

    name = "ours"

    def __init__(self, machine, namespace=NEAR, options=()):
        self._machine = machine
        self._namespace = namespace
        self._options = options  # of the data plane
        self._run = None
        self._keeper = self._service = None
        self._before = None

    def serve(self):
        """Starts the programs and waits until the service sees the data plane."""
        self._run = os.path.join(self._machine.folder, "run")
        shutil.rmtree(self._run, ignore_errors=True)
        os.mkdir(self._run)
        with open(os.path.join(self._machine.folder, "ours.log"), "a") as log:
            keeper = [*program("Keeper", "nf-keeper"), "--run", self._run, "--data-plane",
                      program("DataPlane", "nf-dataplane")[-1], "--", "--workers", str(WORKER_CPU), *self._options]
            self._keeper = subprocess.Popen(
                inside(self._namespace, *keeper) if self._namespace else keeper, stdout=log, stderr=log)
            self._service = subprocess.Popen(
                [*program("NfService", "nf-service"), "--run", self._run, "--metrics", "http://127.0.0.1:0"],
                stdout=log, stderr=log)
        wait_for("nf-service to see the data plane", self._connected, 60)

    def _connected(self):
        for process, name in ((self._keeper, "nf-keeper"), (self._service, "nf-service")):
            if process.poll() is not None:
                with open(os.path.join(self._machine.folder, "ours.log")) as log:
                    raise BenchError(f"{name} ended:\n{log.read()[-3000:]}")
        if not os.path.exists(os.path.join(self._run, "nf.sock")):
            return False
        try:
            return self.node().get("connected")
        except BenchError:
            return False

    def node(self):
        answer = self.nfctl("node")
        return answer.get("node", answer).get("dataPlane") or {}

    def nfctl(self, *arguments):
        """Runs nfctl and returns its JSON."""
        command = [*program("Nfctl", "nfctl"), "--run", self._run, "--output", "json", *arguments]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise BenchError(f"nfctl {' '.join(arguments)}: {done.stderr.strip() or done.stdout.strip()}")
        return json.loads(done.stdout) if done.stdout.strip() else {}

    def start(self, scenario):
        if self._keeper is None:
            self.serve()
        self._umem("u0")
        self._socket("s0", "u0", "near0")
        if scenario == "loop":
            self._link("s0", "s0")
        elif scenario in ("forward", "forward-copy"):
            second = "u0"
            if scenario == "forward-copy":
                self._umem("u1")
                second = "u1"
            self._socket("s1", second, "near1")
            self._link("s0", "s1")

    def _umem(self, name):
        # testpmd's packet memory is on huge pages as well.
        self.nfctl("umem", "create", name, "--size", "16MiB", "--page-size", "2m", "--cpu", str(WORKER_CPU))

    def _socket(self, name, umem, interface):
        self.nfctl("xsk", "bind", name, "--umem", umem, "--interface", interface, "--queue", "0", "--netns", NEAR)

    def _link(self, a, b):
        self.nfctl("link", "create", "l0", "--a", a, "--b", b)

    def pids(self):
        plane = int(self.node()["pid"])
        wait_for("the keeper's spare life", lambda: self._spare(plane), 30)
        return {"data plane": plane, "spare": self._spare(plane), "keeper": self._keeper.pid,
                "service": self._service.pid}

    def _spare(self, plane):
        """The life that waits beside the active one."""
        children = []
        for task in os.listdir(f"/proc/{self._keeper.pid}/task"):
            with open(f"/proc/{self._keeper.pid}/task/{task}/children") as file:
                children += [int(child) for child in file.read().split()]
        return next((child for child in children if child != plane), None)

    def counters(self):
        stats = self.nfctl("stats")
        stats = stats.get("stats", stats)
        workers, ports = stats.get("workers", []), stats.get("ports", [])
        return {"busy": sum(int(w["busyNs"]) for w in workers), "polled": sum(int(w["packets"]) for w in workers),
                "packets": sum(int(p["rxPackets"]) for p in ports), "sent": sum(int(p["txPackets"]) for p in ports)}

    def begin(self):
        self._before = self.counters()

    def end(self):
        after = self.counters()
        delta = {k: after[k] - self._before[k] for k in after}
        if delta["packets"] == 0:
            raise BenchError("our data plane counted no packet")
        return {"packets": delta["packets"], "sent": delta["sent"], "busy_ns": delta["busy"] / max(1, delta["polled"])}

    def close(self):
        stop(self._service)
        stop(self._keeper)
        self._keeper = self._service = None
