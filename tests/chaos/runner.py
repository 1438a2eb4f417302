# SPDX-License-Identifier: MIT
"""The command: what is asked for, and where it goes."""
import argparse
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from support.process import BUILD, ROOT

from . import results
from .campaign import Suite
from .faults import all_faults

JOBS = 2 * (os.cpu_count() or 1)  # most of a run is waiting


def arguments():
    parser = argparse.ArgumentParser(
        prog="tools/chaos", description="Faults on purpose, and a checker of the promise that "
        "docs/reliability.md makes. Exit code 0: no violation.")
    parser.add_argument("--runs", type=int, default=1, help="seeds per fault (1)")
    parser.add_argument("--seed", type=int, default=1, help="the first seed (1)")
    parser.add_argument("--fault", action="append", help="only this one; repeatable")
    parser.add_argument("--quick", action="store_true", help="no long faults")
    parser.add_argument("--jobs", type=int, default=JOBS,
                        help="runs at the same time (twice the processors)")
    parser.add_argument("--list", action="store_true", help="names the faults")
    parser.add_argument("--keep", metavar="DIR", help="keeps the logs of all processes there")
    parser.add_argument("--results", metavar="FILE", help="adds one JSON line for each run")
    parser.add_argument("--resume", action="store_true",
                        help="leaves out what that file has of this commit")
    parser.add_argument("--table", metavar="FILE", help="prints such a file as a table")
    parser.add_argument("--mutants", action="store_true",
                        help="builds copies with seeded bugs and shows that each is caught")
    parser.add_argument("--only", action="append", help="with --mutants: this one; repeatable")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--seeds", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.resume and not options.results:
        parser.error("--resume needs --results FILE")
    return options


def names_of(options):
    known = all_faults()
    for name in options.fault or ():
        if name not in known:
            sys.exit(f"no fault {name}; tools/chaos --list names them")
    return options.fault or list(known)


def campaign(options, directory):
    if options.results and not results.is_built():
        sys.exit(f"the programs in {BUILD} are not those of the sources: build them first, "
                 "since the results name the commit")
    began = time.monotonic()
    found = Suite(options, directory).run(names_of(options))
    bad = sum(bool(r.violations) for r in found)
    print(f"{len(found)} runs, {bad} with violations, "
          f"{time.monotonic() - began:.0f} s, of {ROOT.name} {results.commit()}")
    return 1 if bad else 0


def main():
    options = arguments()
    if options.worker:
        from .worker import work
        return work(options)
    if options.list:
        for name, fault in all_faults().items():
            print(f"{name:26} {fault.about}")
        return 0
    if options.table:
        results.print_table(options.table)
        return 0
    directory = Path(options.keep or tempfile.mkdtemp(prefix="chaos-")).absolute()
    try:
        if options.mutants:
            from .mutation import run_mutants
            return run_mutants(options, directory)
        return campaign(options, directory)
    finally:
        if not options.keep:
            shutil.rmtree(directory, ignore_errors=True)
