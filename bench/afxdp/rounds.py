"""Interleaved rounds of one row, paired only within the same state of the machine."""
import statistics

from machine import BenchError, say, state_of_caches

WARM_UP_SECONDS = 2


class Sample:
    """One contestant in one round."""

    def __init__(self, mpps, busy_ns, offered, state):
        self.mpps, self.busy_ns, self.offered, self.state = mpps, busy_ns, offered, state


def measure(machine, contestant, scenario, size, seconds):
    """Fresh veths, a warm-up, then one measured burst of generated packets."""
    machine.fresh_veths()
    try:
        contestant.start(scenario)
        machine.generate(size, WARM_UP_SECONDS if seconds > 1 else 1)
        before_state, _ = state_of_caches()
        contestant.begin()
        far_index = 1 if scenario.startswith("forward") else 0
        far_before = machine.far_packets(far_index)
        made = machine.generate(size, seconds)
        far = machine.far_packets(far_index) - far_before
        counted = contestant.end()
        after_state, _ = state_of_caches()
    finally:
        contestant.close()
    # The generator says what was offered; the far end, where there is one, says what came out.
    packets = counted["packets"] if scenario == "receive" else far
    judge(contestant, scenario, packets, counted, made)
    state = before_state if before_state == after_state else f"{before_state}>{after_state}"
    return Sample(packets / made["seconds"] / 1e6, counted["busy_ns"], made["pps"] / 1e6, state)


def judge(contestant, scenario, packets, counted, made):
    """Numbers that cannot be true are an error, not a row."""
    where = f"{contestant.name}, {scenario}"
    if packets < 1000 or counted["packets"] < 1000:
        raise BenchError(f"{where}: {packets} packets out, {counted['packets']} counted: no work was done")
    if counted["packets"] > made["sent"] * 1.001 + 64:
        raise BenchError(f"{where}: counted {counted['packets']} packets of {made['sent']} that were made")
    if scenario != "receive" and packets > counted["packets"] * 1.01 + 8192:
        raise BenchError(f"{where}: {packets} packets came out of {counted['packets']} that it counted")
    if counted["busy_ns"] <= 0:
        raise BenchError(f"{where}: no busy time")


class Row:
    """Samples of every contestant for one scenario and size."""

    def __init__(self, scenario, size):
        self.scenario, self.size, self.rounds = scenario, size, []

    def run(self, machine, contestants, rounds, seconds):
        attempts = 0
        comparable = any(c.name == "ours" for c in contestants)
        while attempts < rounds or (comparable and attempts < rounds * 2 and len(self.paired("testpmd")) < rounds):
            order = contestants[attempts % len(contestants):] + contestants[:attempts % len(contestants)]
            samples = {}
            for contestant in order:
                if contestant.name == "C loop" and self.scenario not in contestant.MODES:
                    continue
                samples[contestant.name] = measure(machine, contestant, self.scenario, self.size, seconds)
            self.rounds.append(samples)
            attempts += 1
            say(f"  {self.scenario} {self.size} round {attempts}: " + ", ".join(
                f"{n} {s.mpps:.3f} of {s.offered:.2f} Mpps, {s.busy_ns:.0f} ns ({s.state})"
                for n, s in samples.items()))

    def paired(self, peer):
        """Pairs (ours, peer) of rounds in which both saw one and the same steady state."""
        pairs = [(r["ours"], r[peer]) for r in self.rounds if "ours" in r and peer in r]
        return [p for p in pairs if p[0].state == p[1].state and ">" not in p[0].state]

    def lines(self, peer, title):
        """The table lines against one peer: rate and busy time."""
        pairs = self.paired(peer)
        note = ""
        if not pairs:
            pairs = [(r["ours"], r[peer]) for r in self.rounds if "ours" in r and peer in r]
            note = " (states differ)"
        if not pairs:
            return []
        name = f"{title} {self.size} B vs {peer}{note}"
        rate = entry(name, "Mpps", [(a.mpps, b.mpps) for a, b in pairs], more_is_better=True)
        busy = entry(f"{name}, busy", "ns/packet", [(a.busy_ns, b.busy_ns) for a, b in pairs], more_is_better=False)
        return [rate, busy]


def entry(row, unit, pairs, more_is_better):
    """A table line: medians, and the median of the pairwise ratios, above 1 when ours is better."""
    ratios = [(a / b if more_is_better else b / a) for a, b in pairs if a > 0 and b > 0]
    return {"row": row, "unit": unit, "ours": statistics.median(a for a, _ in pairs),
            "peer": statistics.median(b for _, b in pairs), "ratio": statistics.median(ratios) if ratios else None}
