"""Ping through our link beside a plain veth, and what an idle node costs."""
import os
import re
import time

from machine import FAR, BenchError, inside, run, say
from rounds import entry

PING_NAMESPACE = "nf-bench-ping"


def ping(namespace, address, count):
    """Round trips in microseconds, sorted."""
    text = run(*inside(namespace, "ping", "-n", "-c", str(count), "-i", "0.002", "-W", "1", address))
    times = sorted(float(m) * 1000 for m in re.findall(r"time=([\d.]+) ms", text))
    if len(times) < count * 0.99:
        raise BenchError(f"ping {address}: {len(times)} answers of {count}")
    return times


def percentile(values, share):
    return values[min(len(values) - 1, int(len(values) * share))]


def latency_rows(machine, ours, rounds, count):
    """far0 <- near0 = our link = near1 -> far1, with far1 in a namespace of its own; and a plain pair beside it."""
    machine.fresh_veths()
    run("ip", "netns", "add", PING_NAMESPACE)
    try:
        run("ip", "-n", FAR, "link", "set", "far1", "netns", PING_NAMESPACE)
        run("ip", "link", "add", "plain0", "netns", FAR, "type", "veth",
            "peer", "name", "plain1", "netns", PING_NAMESPACE)
        for namespace, device, address in ((FAR, "far0", "198.18.1.1"), (PING_NAMESPACE, "far1", "198.18.1.2"),
                                           (FAR, "plain0", "198.18.2.1"), (PING_NAMESPACE, "plain1", "198.18.2.2")):
            run("ip", "-n", namespace, "link", "set", device, "up")
            run("ip", "-n", namespace, "addr", "add", f"{address}/24", "dev", device)
        ours.start("forward")
        ping(FAR, "198.18.1.2", 200)
        pairs = {0.5: [], 0.99: []}
        for _ in range(rounds):
            through, plain = ping(FAR, "198.18.1.2", count), ping(FAR, "198.18.2.2", count)
            for share, list_of_pairs in pairs.items():
                list_of_pairs.append((percentile(through, share), percentile(plain, share)))
    finally:
        ours.close()
        run("ip", "netns", "del", PING_NAMESPACE, check=False)
    return [entry(f"ping RTT p{int(share * 100)} vs one plain veth", "us", list_of_pairs, more_is_better=False)
            for share, list_of_pairs in pairs.items()]


IDLE_CPU_PERCENT_MAX = 1
DATA_PLANE_MIB_MAX = 80
SERVICE_MIB_MAX = 150


def cpu_seconds(pid):
    """Time on a CPU of all threads, to the nanosecond (the first field of schedstat); /proc/PID/stat counts ticks."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{task}/schedstat") as file:
                total += int(file.read().split()[0])
        except FileNotFoundError:
            pass  # the thread has ended meanwhile
    return total / 1e9


def settle(pids):
    """Waits until nobody is starting up any more: the spare life compiles and rehearses for a while."""
    for _ in range(60):
        before = {pid: cpu_seconds(pid) for pid in pids}
        time.sleep(0.5)
        if all(cpu_seconds(pid) - before[pid] < 0.05 for pid in pids):
            return
    raise BenchError("a process that should be idle is not")


def resident_mib(pid):
    """Resident memory without shared memory, which is the packet memory."""
    with open(f"/proc/{pid}/status") as file:
        text = file.read()
    value = {name: int(re.search(rf"{name}:\s+(\d+)", text).group(1)) for name in ("RssAnon", "RssFile")}
    return (value["RssAnon"] + value["RssFile"]) / 1024


def idle_cost(machine, contestant, seconds, idles):
    """CPU share and resident memory of each process, ready to forward but without traffic."""
    machine.fresh_veths()
    try:
        contestant.start("forward")
        machine.generate(60, 1)
        time.sleep(1)
        pids = contestant.pids()
        if idles:
            settle(pids.values())
            # The runtime compiles once more, and better, what ran often; that is no cost of being idle.
            time.sleep(15 if seconds > 3 else 0)
        before = {name: cpu_seconds(pid) for name, pid in pids.items()}
        began = time.monotonic()
        time.sleep(seconds)
        elapsed = time.monotonic() - began
        shares = {name: 100 * (cpu_seconds(pid) - before[name]) / elapsed for name, pid in pids.items()}
        memory = {name: resident_mib(pid) for name, pid in pids.items()}
    finally:
        contestant.close()
    say(f"  idle {contestant.name}: " + ", ".join(f"{n} {shares[n]:.2f} % {memory[n]:.0f} MiB" for n in shares))
    return shares, memory


def limit(row, unit, value, most):
    """A row whose peer is a limit of ours; the ratio says how far below it we are."""
    if value > most:
        say(f"  over its limit: {row}: {value:.2f} of {most} {unit}")
    return entry(row, unit, [(value, most)], more_is_better=False)


def idle_rows(machine, ours, testpmd, seconds):
    our_share, our_memory = idle_cost(machine, ours, seconds, idles=True)
    peer_share, peer_memory = idle_cost(machine, testpmd, min(seconds, 3), idles=False)
    whole_node = sum(our_share.values())
    rows = [
        limit("idle CPU, whole node vs its limit", "% of a core", whole_node, IDLE_CPU_PERCENT_MAX),
        entry("idle CPU, whole node vs testpmd", "% of a core", [(whole_node, peer_share["data plane"])], False),
        limit("RSS without UMEMs, data plane vs its limit", "MiB", our_memory["data plane"], DATA_PLANE_MIB_MAX),
        entry("RSS without UMEMs, data plane vs testpmd", "MiB",
              [(our_memory["data plane"], peer_memory["data plane"])], False),
        limit("RSS without UMEMs, service vs its limit", "MiB", our_memory["service"], SERVICE_MIB_MAX),
    ]
    alone = [(f"idle CPU, {name}", "% of a core", share) for name, share in our_share.items()]
    alone += [(f"RSS without UMEMs, {name}", "MiB", our_memory[name]) for name in ("keeper", "spare")]
    return rows + [{"row": row, "unit": unit, "ours": value, "peer": None, "ratio": None}
                   for row, unit, value in alone]
