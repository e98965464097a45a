"""Two virtual machines on a back-end: for orientation. QEMU runs without hardware help, next to the pollers on two
CPUs, so what is measured is mostly QEMU."""
import json
import os
import re
import socket
import subprocess

from latency import percentile
from machine import ROOT, BenchError, run, say, stop, wait_for
from rounds import entry
from scenarios import Case, Scenario

TITLE = "QEMU guest to guest"
ADDRESSES = ("198.18.4.1", "198.18.4.2")
MEMORY = "192M"
BOOT_SECONDS, COMMAND_SECONDS = 120, 120
JOINED = Scenario("guests", TITLE, 2, "", "", "pair", "")


class BenchGuest:
    """A machine of eng/guest, driven over its second serial port (eng/guest/init tells how)."""

    def __init__(self, machine, number, path, packed):
        shell = os.path.join(machine.folder, f"guest{number}.shell")
        image = os.path.join(ROOT, "artifacts", "guest")
        # QEMU 7.2 without KVM crashes with vhost-user and MSI-X.
        card = f"virtio-net-pci,netdev=net,romfile=,mac=52:54:00:4e:46:{number + 1:02x},vectors=0"
        self._process = subprocess.Popen(
            ["qemu-system-x86_64", "-nodefaults", "-display", "none", "-M", "pc", "-cpu", "max",
             "-accel", "tcg,thread=multi", "-m", MEMORY,
             "-object", f"memory-backend-memfd,id=memory,size={MEMORY},share=on", "-numa", "node,memdev=memory",
             "-kernel", os.path.join(image, "vmlinuz"), "-initrd", os.path.join(image, "initramfs.gz"),
             "-append", "console=ttyS0 quiet panic=-1 tsc=reliable mitigations=off "
                        f"nf.address={ADDRESSES[number]}/24",
             "-chardev", f"socket,id=char,path={path}", "-netdev", "vhost-user,id=net,chardev=char",
             "-device", f"{card},rx_queue_size=1024,tx_queue_size=1024,packed={'on' if packed else 'off'}",
             "-serial", f"file:{shell}.console", "-serial", f"unix:{shell},server=on,wait=off"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._socket = socket.socket(socket.AF_UNIX)
        self._commands = 0
        wait_for("QEMU to listen", lambda: self._socket.connect_ex(shell) == 0)
        self._lines = self._socket.makefile("r")

    def booted(self):
        self._socket.settimeout(BOOT_SECONDS)
        while not self._line().startswith("ready "):
            pass
        self._socket.settimeout(COMMAND_SECONDS)

    def run(self, command, check=True):
        self._commands += 1
        name = f"b{self._commands}"
        self._socket.sendall(f"{name} {command}\n".encode())
        output = []
        while True:
            line = self._line()
            if line.startswith(f"{name}| "):
                output.append(line[len(name) + 2:])
            elif line.startswith(f"{name}= "):
                text = "".join(output)
                if check and line.split()[1] != "0":
                    raise BenchError(f"in the guest: {command}: {text}")
                return text

    def close(self):
        self._lines.close()
        self._socket.close()
        stop(self._process)

    def _line(self):
        try:
            line = self._lines.readline()
        except TimeoutError as error:
            raise BenchError("the guest did not answer in time") from error
        if not line:
            raise BenchError("QEMU ended")
        return line


def measure(machine, contestant, layout, seconds, count):
    """Round trips in microseconds, sorted; Gbit/s of one TCP connection."""
    sockets = [os.path.join(machine.folder, f"vhost{i}.sock") for i in range(2)]
    guests = []
    try:
        contestant.start(Case(JOINED, layout, 0), sockets)
        for number, path in enumerate(sockets):
            guests.append(BenchGuest(machine, number, path, layout == "packed"))
        for guest in guests:
            guest.booted()
        contestant.ready()
        wait_for("the guests to see each other", lambda: "1 packets received" in guests[0].run(
            f"ping -c 1 -W 1 {ADDRESSES[1]}", check=False), 60)
        text = guests[0].run(f"ping -c {count} -i 0.01 -W 2 {ADDRESSES[1]}")
        times = sorted(float(m) * 1000 for m in re.findall(r"time=([\d.]+) ms", text))
        if len(times) < count * 0.99:
            raise BenchError(f"{len(times)} answers of {count}")
        guests[1].run("iperf3 -s -1 -D")
        wait_for("iperf3 to listen", lambda: ":5201" in guests[1].run("netstat -ltn"), 30)
        report = json.loads(guests[0].run(f"iperf3 -c {ADDRESSES[1]} -t {seconds} -J"))
    finally:
        for guest in guests:
            guest.close()
        contestant.close()
        for path in sockets:
            if os.path.exists(path):
                os.unlink(path)
    return times, report["end"]["sum_received"]["bits_per_second"] / 1e9


def guest_rows(machine, contestants, layout, rounds, seconds, count):
    """Ping and iperf3 of both; the states of the machine are not looked at."""
    run(os.path.join(ROOT, "eng", "guest", "build.sh"))
    speeds, pairs = [], {0.5: [], 0.99: []}
    for attempt in range(rounds):
        order = contestants[attempt % len(contestants):] + contestants[:attempt % len(contestants)]
        told = {c.name: measure(machine, c, layout, seconds, count) for c in order}
        say(f"  {TITLE}, {layout}, round {attempt + 1}: " + ", ".join(
            f"{n} p50 {percentile(t, 0.5):.0f} us, p99 {percentile(t, 0.99):.0f} us, {g:.2f} Gbit/s"
            for n, (t, g) in sorted(told.items())))
        if len(told) == 2:
            speeds.append((told["ours"][1], told["testpmd"][1]))
            for share, values in pairs.items():
                values.append(tuple(percentile(told[name][0], share) for name in ("ours", "testpmd")))
    rows = [entry(f"{TITLE}, {layout}, ping RTT p{int(share * 100)} (orientation)", "us", values, more_is_better=False)
            for share, values in pairs.items() if values]
    return rows + ([entry(f"{TITLE}, {layout}, iperf3 (orientation)", "Gbit/s", speeds, more_is_better=True)]
                   if speeds else [])
