"""A filter of Cosmic Ray's: leaves one pending mutant in so many, those whose hash has a certain rest; or those named in a file, one job a line. Runs in the tool's own environment."""

import argparse
import hashlib
import sys
from pathlib import Path

from cosmic_ray.tools.filters.filter_app import FilterApp
from cosmic_ray.work_db import WorkDB
from cosmic_ray.work_item import MutationSpec, WorkerOutcome, WorkResult


def name_of(mutation: MutationSpec) -> str:
    """Return what a mutant is called as long as its module stays as it is."""
    return f"{mutation.module_path}:{mutation.operator_name}:{mutation.occurrence}"


class Sample(FilterApp):
    """Skips what is not in the sample."""

    def add_args(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--one-in", type=int, default=1)
        parser.add_argument("--rest", type=int, default=0)
        parser.add_argument("--seed", default="0")
        parser.add_argument("--named", type=Path)

    def filter(self, work_db: WorkDB, args: argparse.Namespace) -> None:
        named = set(args.named.read_text(encoding="utf-8").splitlines()) if args.named else None
        for item in list(work_db.pending_work_items):
            name = name_of(item.mutations[0])
            digest = hashlib.sha256(f"{args.seed}:{name}".encode()).digest()
            if name not in named if named is not None else int.from_bytes(digest[:8]) % args.one_in != args.rest:
                work_db.set_result(item.job_id, WorkResult(worker_outcome=WorkerOutcome.SKIPPED))


if __name__ == "__main__":
    sys.exit(Sample().main())
