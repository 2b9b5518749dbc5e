"""Measures mlgate and its rivals in turn on the same table; prints Markdown. See README.md beside this file."""

import argparse
import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from cases import CASES
from places import HOME, MLGATE, note
from programs import python


def main():
    options = parse()
    HOME.mkdir(parents=True, exist_ok=True)
    if options.prepare:
        return prepare(options)
    cases = [case for case in options.cases if MLGATE.is_file() or CASES[case].without_mlgate]
    if not MLGATE.is_file():
        note(f"no mlgate at {MLGATE}: the rivals alone (build it with `cargo build --release`, or set MLGATE)")

    print(f"{machine()}. Medians; page cache warm.\n")
    targets, runs = [], {}
    for case in cases:
        measured, missed_or_met = CASES[case].measure(options)
        runs[case] = {name: [asdict(run) for run in of] for name, of in measured.items()}
        targets += missed_or_met
    print_targets(targets)
    (HOME / "runs.json").write_text(json.dumps(runs, indent=1))
    note(f"every single run: {HOME / 'runs.json'}")
    if options.strict and not (MLGATE.is_file() and all(target.met for target in targets)):
        sys.exit(1)


def parse():
    def names(known):
        def parse_names(text):
            chosen = [name for name in text.split(",") if name]
            unknown = [name for name in chosen if name not in known]
            if unknown:
                raise argparse.ArgumentTypeError(f"unknown {', '.join(unknown)}; there are {', '.join(known)}")
            return chosen

        return parse_names

    parser = argparse.ArgumentParser(prog="benches/run.sh", description=__doc__)
    rivals = list({name: None for case in CASES.values() for name in case.rivals})
    cases = list(CASES)
    parser.add_argument("--only", type=names(rivals), default=rivals, metavar="A,B", help=", ".join(rivals))
    parser.add_argument("--cases", type=names(cases), default=cases, metavar="A,B", help=", ".join(cases))
    parser.add_argument("--rows", type=rows, default=10_000_000, help="of the table: 1M, 10M (default)")
    parser.add_argument("--runs", type=int, default=5, help="of each program after its warm-up (5)")
    parser.add_argument("--once-over", type=float, default=60, metavar="SECONDS", help="slower programs run once (60)")
    parser.add_argument("--prepare", action="store_true", help="make the environments and tables, then stop")
    parser.add_argument("--strict", action="store_true", help="exit 1 if a target is missed")
    return parser.parse_args()


def rows(text):
    plain = text.replace("_", "").replace(",", "")
    return int(plain[:-1]) * 1_000_000 if plain.endswith(("M", "m")) else int(plain)


def prepare(options):
    for case in (CASES[name] for name in options.cases):
        for name in (name for name in options.only if name in case.rivals):
            python(case.rivals[name].venv)
        case.tables(options)


def print_targets(targets):
    if not targets:
        return
    print("## Targets\n\n| claim | wanted | measured | |\n|---|--:|--:|---|")
    for target in targets:
        print(f"| {target.claim} | {target.wanted} | {target.measured} | {'met' if target.met else '**missed**'} |")


def machine():
    fields = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
    memory = int(fields["MemTotal"].split()[0]) * 1024
    processors = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.split(":")[1].strip() for line in processors if "model name" in line]
    return f"{len(os.sched_getaffinity(0))} cores ({(models or ['unknown'])[0]}), {memory / 1e9:.0f} GB"


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(f"failed to prepare: `{' '.join(map(str, error.cmd))}` ended with {error.returncode}")
