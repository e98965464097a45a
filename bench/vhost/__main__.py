"""bench/vhost.sh: prints `row, unit, ours, peer, ratio`; a ratio above 1 means ours is better."""
import argparse
import json
import os
import signal
import sys

# The machine, the table and what starts our programs are those of the AF_XDP bench.
sys.path.append(os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "afxdp"))

from backends import OurBackend, TestpmdBackend  # noqa: E402
import guests  # noqa: E402
import pings  # noqa: E402
from contest import Row  # noqa: E402
from machine import BenchError, Machine, say  # noqa: E402
from scenarios import SCENARIOS, Case  # noqa: E402
from tables import LEGEND, print_table  # noqa: E402


def parse():
    parser = argparse.ArgumentParser(prog="bench/vhost.sh", description=__doc__, epilog=LEGEND,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", metavar="FILE", help="also write the rows as JSON")
    parser.add_argument("--quick", action="store_true", help="one short round of the small frames: a smoke test")
    parser.add_argument("--rounds", type=int, metavar="N", help="rounds per row [3; quick: 1]")
    parser.add_argument("--seconds", type=float, metavar="S", help="seconds per measurement [3; quick: 1]")
    parser.add_argument("--only", metavar="WORD", help="only rows whose name contains WORD, such as 'loop, packed'")
    parser.add_argument("--sizes", metavar="BYTES", help="frame sizes, such as 64,1500 [64,512,1500; quick: 64]")
    parser.add_argument("--without-guests", action="store_true", help="no rows with QEMU, which take minutes")
    parser.add_argument("--without-ours", action="store_true", help="testpmd only, to learn about the machine")
    return parser.parse_args()


def cases(arguments):
    sizes = [int(s) for s in arguments.sizes.split(",")] if arguments.sizes else (
        [64] if arguments.quick else [64, 512, 1500])
    for scenario in SCENARIOS:
        for layout in ("split", "packed"):
            for size in (scenario.sizes or sizes)[:1 if arguments.quick else None]:
                case = Case(scenario, layout, size)
                if wanted(arguments, case.name):
                    yield case


def wanted(arguments, name):
    return arguments.only is None or arguments.only in name


def bench(arguments, machine):
    rounds = arguments.rounds or (1 if arguments.quick else 3)
    seconds = arguments.seconds or (1 if arguments.quick else 3)
    contestants = [TestpmdBackend(machine)]
    if not arguments.without_ours:
        contestants.insert(0, OurBackend(machine))
    rows = []
    for case in cases(arguments):
        row = Row(case)
        row.run(machine, contestants, rounds, seconds)
        rows += row.lines()
    for layout in ("split", "packed"):
        for manner, options in pings.MANNERS.items():
            title = f"{pings.TITLE}, {layout}, {manner}"
            if wanted(arguments, title):
                them = contestants if arguments.without_ours else [OurBackend(machine, options), contestants[-1]]
                rows += pings.ping_rows(machine, them, title, layout, rounds, 200 if arguments.quick else 3000)
    for layout in () if arguments.quick or arguments.without_guests else ("split", "packed"):
        if wanted(arguments, f"{guests.TITLE}, {layout}"):
            rows += guests.guest_rows(machine, contestants, layout, max(1, rounds // 2), 5, 300)
    return rows


def main():
    arguments = parse()
    signal.signal(signal.SIGTERM, lambda *unused: sys.exit(143))
    try:
        with Machine() as machine:
            rows = bench(arguments, machine)
    except BenchError as error:
        say(f"bench/vhost.sh: {error}")
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
