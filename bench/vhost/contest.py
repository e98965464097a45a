"""Interleaved rounds of one row, paired only within the same state of the machine."""
import os

from frontend import Frontend
from machine import BenchError, say, state_of_caches
from rounds import Sample, entry
from tables import COUNT_TOLERANCE

WARM_UP_SECONDS = 2


def measure(machine, contestant, case, seconds):
    """A fresh back-end and a fresh front-end, a warm-up, then one measurement."""
    sockets = [os.path.join(machine.folder, f"vhost{i}.sock") for i in range(case.scenario.ports)]
    # Both CPUs belong to the pollers meanwhile: the probe runs around them.
    before_state, _ = state_of_caches()
    front = None
    try:
        contestant.start(case, sockets)
        front = Frontend(machine, case, sockets)
        contestant.ready()
        front.start()
        front.measure(WARM_UP_SECONDS if seconds > 1 else 1)
        contestant.begin()
        pps, packets = front.measure(seconds)
        counted = contestant.end()
    finally:
        if front is not None:
            front.close()
        contestant.close()
        for path in sockets:
            if os.path.exists(path):
                os.unlink(path)
    after_state, _ = state_of_caches()
    judge(contestant, case, packets, counted)
    state = before_state if before_state == after_state else f"{before_state}>{after_state}"
    return Sample(pps / 1e6, counted["busy_ns"], pps / 1e6, state)


def judge(contestant, case, packets, counted):
    """Numbers that cannot be true are an error, not a row."""
    where = f"{contestant.name}, {case.name}"
    if packets < 1000:
        raise BenchError(f"{where}: {packets} packets: no work was done")
    # The back-end counts longer than the front-end, before and after it, and ours counts both devices.
    if counted["packets"] < packets * (1 - COUNT_TOLERANCE):
        raise BenchError(f"{where}: {packets} packets in the front-end, {counted['packets']} in the back-end")
    if counted["busy_ns"] <= 0:
        raise BenchError(f"{where}: no busy time")


class Row:
    """Samples of every contestant for one case."""

    def __init__(self, case):
        self.case, self.rounds = case, []

    def run(self, machine, contestants, rounds, seconds):
        attempts = 0
        while attempts < rounds or (
                len(contestants) > 1 and attempts < rounds * 2 and len(self.paired()) < rounds):
            order = contestants[attempts % len(contestants):] + contestants[:attempts % len(contestants)]
            samples = {c.name: measure(machine, c, self.case, seconds) for c in order}
            self.rounds.append(samples)
            attempts += 1
            say(f"  {self.case.name}, round {attempts}: " + ", ".join(
                f"{n} {s.mpps:.3f} Mpps, {s.busy_ns:.1f} ns ({s.state})" for n, s in sorted(samples.items())))

    def both(self):
        return [(r["ours"], r["testpmd"]) for r in self.rounds if "ours" in r and "testpmd" in r]

    def paired(self):
        """Pairs (ours, testpmd) of rounds in which both saw one and the same steady state."""
        return [p for p in self.both() if p[0].state == p[1].state and ">" not in p[0].state]

    def lines(self):
        """The table lines: rate and busy time."""
        pairs, note = self.paired(), ""
        if not pairs:
            pairs, note = self.both(), " (states differ)"
        if not pairs:
            return []
        name = self.case.name + note
        if self.case.scenario.key.startswith("round-trip"):
            flying = 8 if self.case.scenario.key.endswith("8") else 1
            return [entry(name, "us", [(flying / a.mpps, flying / b.mpps) for a, b in pairs], more_is_better=False)]
        return [entry(name, "Mpps", [(a.mpps, b.mpps) for a, b in pairs], more_is_better=True),
                entry(f"{name}, busy", "ns/packet", [(a.busy_ns, b.busy_ns) for a, b in pairs], more_is_better=False)]
