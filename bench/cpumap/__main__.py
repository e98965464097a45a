"""bench/cpumap.sh: prints `row, unit, ours, peer, ratio`; a ratio above 1 means ours is better."""
import argparse
import json
import sys

from service import service_rows
from space import namespace
from stage import stage_rows
from steer import steer_rows


def parse():
    parser = argparse.ArgumentParser(prog="bench/cpumap.sh", description=__doc__)
    parser.add_argument("--json", metavar="FILE", help="also write the rows as JSON")
    parser.add_argument("--quick", action="store_true", help="one short round: a smoke test")
    parser.add_argument("--rounds", type=int, metavar="N", help="rounds per row [5; quick: 1]")
    return parser.parse_args()


def print_table(rows):
    def text(value):
        return "-" if value is None else f"{value:.3f}"
    cells = [["row", "unit", "ours", "peer", "ratio"]]
    cells += [[r["row"], r["unit"], *(text(r.get(key)) for key in ("ours", "peer", "ratio"))] for r in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(5)]
    for row in cells:
        print("  ".join(c.ljust(w) if i < 2 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths))))


def main():
    arguments = parse()
    rounds = arguments.rounds or (1 if arguments.quick else 5)
    rows = stage_rows(rounds, 100 if arguments.quick else 1000)
    with namespace() as space:
        rows += steer_rows(space, rounds, 100_000 if arguments.quick else 1_000_000)
        rows += service_rows(space, 10 if arguments.quick else 200)
    print_table(rows)
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump(rows, file, indent=1)
            file.write("\n")
    return 0


sys.exit(main())
