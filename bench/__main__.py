"""The command line of the bench: `python -m bench`, or `make bench`."""

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from bench.cells import chosen
from bench.ours import OURS, OURS_BOTO3
from bench.peers import installed
from bench.report import medians, over, report
from bench.rounds import DIRECT, Bench, Plan, Sample
from bench.targets import FLOOR, Target


def main() -> int:
    """Measure what was asked for; 1 when an answer was wrong, or a budget under `--strict`."""
    asked = arguments().parse_args()
    ours = [OURS, OURS_BOTO3] if asked.boto3 else [OURS]
    targets = [FLOOR, *ours, *map(installed, asked.peer)]
    plan = Plan(targets, chosen(asked.cells), asked.rounds, asked.seconds)
    with tempfile.TemporaryDirectory(prefix="tollgate-bench-") as folder:
        samples = [*Bench(plan, Path(folder), progress).samples()]
    print(told(samples, targets))
    if asked.json:
        asked.json.write_text(json.dumps([asdict(sample) for sample in samples]))
    wrong = any(sample.problems for sample in samples)
    return int(wrong or (asked.strict and bool(over(medians(samples)))))


def arguments() -> argparse.ArgumentParser:
    """What may be said on the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", dest="cells", action="store_const", const="quick", default="all")
    parser.add_argument("--cells", help="names with commas, or quick, or all", default="all")
    parser.add_argument("--rounds", type=int, default=3, help="fresh processes in each")
    parser.add_argument("--seconds", type=float, default=2.0, help="of load in each cell")
    parser.add_argument("--boto3", action="store_true", help="our relay over boto3 as well")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=PATH")
    parser.add_argument("--json", type=Path, help="write every sample there")
    parser.add_argument("--strict", action="store_true", help="fail when over a budget")
    return parser


def told(samples: Sequence[Sample], targets: Sequence[Target]) -> str:
    """The report with the machine it holds for."""
    cores = os.cpu_count()
    machine = f"{cores} cores, {platform.machine()}, Python {platform.python_version()}"
    names = [DIRECT, *(target.name for target in targets)]
    return f"{machine}\n\n{report(medians(samples), names)}"


def progress(line: str) -> None:
    """Say where we are, apart from the report."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
