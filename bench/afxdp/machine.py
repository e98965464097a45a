"""The machine under the bench: commands, namespaces, huge pages, the cache-line probe, and leaving no trace."""
import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TOOLS = os.path.join(ROOT, "bench", "c", "out")
NEAR, FAR = "nf-bench-near", "nf-bench-far"
WORKER_CPU, GENERATOR_CPU = 0, 1
POLLERS = ("dpdk-testpmd", "xsk-min", "nf-livegen", "nf-dataplane", "nf-pingpong", "qemu-system-x86_64")


class BenchError(Exception):
    """Something that makes the numbers meaningless."""


def say(text):
    print(text, file=sys.stderr, flush=True)


def run(*command, check=True):
    done = subprocess.run(command, capture_output=True, text=True)
    if check and done.returncode != 0:
        raise BenchError(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def tool(name):
    return os.path.join(TOOLS, name)


def inside(namespace, *command):
    """A command in a network namespace that keeps our mounts (unlike ip netns exec)."""
    return ["nsenter", f"--net=/run/netns/{namespace}", *command]


def wait_for(what, condition, seconds=20.0):
    """Polls a condition until it holds; the value it returned."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise BenchError(f"waited {seconds} s for {what}")
        time.sleep(0.01)


def stop(process, seconds=10.0):
    """Ends a process that we started, by its pid, and waits for it."""
    if process is None or process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def state_of_caches():
    """near, far, sibling or loaded, and the round trip of a cache line in ns."""
    probe = json.loads(run(tool("nf-pingpong"), str(WORKER_CPU), str(GENERATOR_CPU)))
    return probe["state"], probe["round_trip_ns"]


def running_pollers():
    found = []
    for path in glob.glob("/proc/[0-9]*/comm"):
        try:
            with open(path) as file:
                name = file.read().strip()
            if any(name == p[:15] for p in POLLERS):
                found.append(f"{name} (pid {path.split('/')[2]})")
        except OSError:
            continue
    return found


def busy_share(seconds=1.0):
    """Share of all CPUs in use by others."""
    def jiffies():
        with open("/proc/stat") as file:
            fields = [int(x) for x in file.readline().split()[1:]]
        return sum(fields), fields[3] + fields[4]
    total, idle = jiffies()
    time.sleep(seconds)
    total2, idle2 = jiffies()
    return 1.0 - (idle2 - idle) / max(1, total2 - total)


class Machine:
    """What the bench borrows from the machine and gives back."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="nf-bench-")
        self.huge = os.path.join(self.folder, "huge")
        self._pages = None

    def __enter__(self):
        try:
            self._preflight()
            with open("/proc/sys/vm/nr_hugepages") as file:
                self._pages = int(file.read())
            # Two ports and their mbuf pool, or our UMEMs.
            run("sysctl", "-q", f"vm.nr_hugepages={self._pages + 512}")
            os.mkdir(self.huge)
            run("mount", "-t", "hugetlbfs", "none", self.huge)
            return self
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *unused):
        self.drop_namespaces()
        if os.path.ismount(self.huge):
            run("umount", self.huge, check=False)
        if self._pages is not None:
            run("sysctl", "-q", f"vm.nr_hugepages={self._pages}", check=False)
        if "NF_BENCH_KEEP" not in os.environ:
            shutil.rmtree(self.folder, ignore_errors=True)

    @staticmethod
    def _preflight():
        if os.geteuid() != 0:
            raise BenchError("needs root")
        if os.cpu_count() < 2:
            raise BenchError("needs two CPUs: one for the generator, one for the receiver")
        left = [n for n in (NEAR, FAR) if os.path.exists(f"/run/netns/{n}")]
        if left:
            raise BenchError(f"leftover namespaces of an earlier run: {' '.join(left)}; remove them with ip netns del")
        pollers = running_pollers()
        if pollers:
            raise BenchError("poll-mode programs are running and would spoil every number: " + ", ".join(pollers))
        share = busy_share()
        if share > 0.15:
            say(f"warning: other programs use {share:.0%} of the CPUs; the numbers will suffer")

    @staticmethod
    def drop_namespaces():
        for name in (NEAR, FAR):
            if os.path.exists(f"/run/netns/{name}"):
                run("ip", "netns", "del", name, check=False)

    def fresh_veths(self):
        """near0 and near1 for the contestant, each with its far end in another namespace."""
        self.drop_namespaces()
        for name in (NEAR, FAR):
            run("ip", "netns", "add", name)
            run(*inside(name, "sysctl", "-q",
                        "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1"))
        for i in (0, 1):
            run("ip", "link", "add", f"near{i}", "netns", NEAR, "type", "veth", "peer", "name", f"far{i}", "netns", FAR)
            run("ip", "-n", NEAR, "link", "set", f"near{i}", "up")
            run("ip", "-n", FAR, "link", "set", f"far{i}", "up")

    @staticmethod
    def program_of(interface):
        """Id of the XDP program on an interface of the near namespace; 0 for none."""
        link = json.loads(run("ip", "-n", NEAR, "-j", "-d", "link", "show", interface))[0]
        return link.get("xdp", {}).get("prog", {}).get("id", 0)

    @staticmethod
    def far_packets(index):
        """Packets that arrived at a far end."""
        return int(run(*inside(FAR, "cat", "/proc/net/dev")).split(f"far{index}:")[1].split()[1])

    def generate(self, size, seconds, pps=None):
        """Live frames straight into the program of near0, as fast as one CPU can or at a steady rate."""
        command = [tool("nf-livegen"), "--prog-id", str(self.program_of("near0")), "--if", "near0", "--size", str(size),
                   "--seconds", str(seconds), "--cpu", str(GENERATOR_CPU), "--batch", "64"]
        if pps:
            command += ["--pps", str(pps)]
        return json.loads(run(*inside(NEAR, *command)))
