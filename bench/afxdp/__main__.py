"""bench/afxdp.sh: prints `row, unit, ours, peer, ratio`; a ratio above 1 means ours is better."""
import argparse
import json
import signal
import sys

from latency import idle_rows, latency_rows
from machine import BenchError, Machine, say
from ours import Ours
from peers import Testpmd, XskMin
from rounds import Row

SCENARIOS = [("receive", "receive and count"), ("loop", "loop back"), ("forward", "forward, one UMEM"),
             ("forward-copy", "forward, two UMEMs")]


def parse():
    parser = argparse.ArgumentParser(prog="bench/afxdp.sh", description=__doc__)
    parser.add_argument("--json", metavar="FILE", help="also write the rows as JSON")
    parser.add_argument("--quick", action="store_true", help="one short round of the small frames: a smoke test")
    parser.add_argument("--rounds", type=int, metavar="N", help="rounds per row [3; quick: 1]")
    parser.add_argument("--seconds", type=int, metavar="S", help="seconds per measurement [3; quick: 1]")
    parser.add_argument("--only", metavar="WORD", help="only scenarios whose name contains WORD (also: ping, idle)")
    parser.add_argument("--without-ours", action="store_true", help="peers only, to learn about the machine")
    return parser.parse_args()


def print_table(rows):
    def text(value):
        return "-" if value is None else f"{value:.3f}" if value < 100 else f"{value:.1f}"
    cells = [["row", "unit", "ours", "peer", "ratio"]]
    cells += [[r["row"], r["unit"], text(r["ours"]), text(r["peer"]), text(r["ratio"])] for r in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(5)]
    for row in cells:
        print("  ".join(c.ljust(w) if i < 2 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths))))


def bench(arguments, machine):
    rounds = arguments.rounds or (1 if arguments.quick else 3)
    seconds = arguments.seconds or (1 if arguments.quick else 3)
    sizes = [60] if arguments.quick else [60, 1500]
    ours, testpmd, floor = Ours(machine), Testpmd(machine), XskMin(machine)
    contestants = [testpmd, floor] if arguments.without_ours else [ours, testpmd, floor]
    rows = []

    def wanted(name):
        return arguments.only is None or arguments.only in name

    for scenario, title in SCENARIOS:
        if not wanted(scenario):
            continue
        for size in sizes:
            row = Row(scenario, size)
            row.run(machine, contestants, rounds, seconds)
            for peer in ("testpmd", "C loop"):
                rows += row.lines(peer, title)
    if not arguments.without_ours:
        if wanted("ping"):
            rows += latency_rows(machine, ours, rounds, 200 if arguments.quick else 2000)
        if wanted("idle"):
            rows += idle_rows(machine, ours, testpmd, 3 if arguments.quick else 10)
    return rows


def main():
    arguments = parse()
    signal.signal(signal.SIGTERM, lambda *unused: sys.exit(143))
    try:
        with Machine() as machine:
            rows = bench(arguments, machine)
    except BenchError as error:
        say(f"bench/afxdp.sh: {error}")
        return 1
    except KeyboardInterrupt:
        return 130
    print_table(rows)
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump(rows, file, indent=1)
            file.write("\n")
    return 0


sys.exit(main())
