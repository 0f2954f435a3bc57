"""All benchmarks, in turn: tables here, records in `benchmarks/results/`, and the results in `docs/benchmarks.md`.

    python benchmarks [--smoke] [--more] [NAME ...]

Each is a program of its own, too: `python benchmarks/NAME.py --help`. Exit code 1: a goal was missed, or a benchmark
failed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from proof.page import PAGE, with_results
from proof.program_run import exit_code_of
from proof.record import Record, from_json

HERE = Path(__file__).parent
RESULTS = HERE / "results"
CLAIMS = (
    "outage_error", "detection", "decision_to_patch", "watching_cost", "schedule_lag", "analysis_at_scale",
    "retained_images", "cluster_speed", "drill_wall_time", "broken_image",
)  # fmt: skip
MORE = ("harness_cost", "site_of_runs", "outcome_bins", "fleet")  # what has no peer, or takes longer
LIMIT_SECONDS = 1200


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these")
    parser.add_argument("--smoke", action="store_true", help="only see that they run: nothing is kept")
    parser.add_argument("--more", action="store_true", help=f"also {', '.join(MORE)}")
    options = parser.parse_args()
    names = options.names or (*CLAIMS, *(MORE if options.more else ()))
    for name in names:
        if name not in (*CLAIMS, *MORE):
            parser.error(f"no benchmark {name!r}; there are {', '.join((*CLAIMS, *MORE))}")
    began = time.monotonic()
    kept = None if options.smoke else RESULTS
    ended = {name: carried_out(name, kept, smoke=options.smoke) for name in names}
    if not options.smoke:
        PAGE.write_text(with_results(PAGE.read_text("utf-8"), RESULTS), "utf-8")
    print(f"\n{len(ended)} benchmarks in {time.monotonic() - began:.0f} s")
    for name, record in ended.items():
        print(f"  {name:<20} {in_short(record)}")
    return 0 if all(record is not None and not record.missed for record in ended.values()) else 1


def carried_out(name: str, kept: Path | None, *, smoke: bool) -> Record | None:
    """Run one; return its record, or None when it failed: the others go on."""
    print(f"\n== {name}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder) / "record.json"
        code = exit_code_of(
            [str(HERE / f"{name}.py"), "--json", str(fresh), *(["--smoke"] if smoke else [])], LIMIT_SECONDS
        )
        if code is None:
            print(f"{name}: not done after {LIMIT_SECONDS} s: stopped", file=sys.stderr)
        if code not in (0, 1) or not fresh.exists():
            return None  # the record of an earlier time is left
        text = fresh.read_text("utf-8")
    if kept is not None:
        kept.mkdir(exist_ok=True)
        (kept / f"{name}.json").write_text(text, "utf-8")
    return from_json(text)


def in_short(record: Record | None) -> str:
    """How it ended, in one line."""
    if record is None:
        return "FAILED"
    missed = ", ".join(f"{one.case}: {one.name}" for one in record.missed)
    goals = sum(one.goal is not None for one in record.found.measures)
    ended = f"missed: {missed}" if missed else "ran" if record.smoke else f"all {goals} goals met"
    skipped = f"; {len(record.found.skipped)} skipped" if record.found.skipped else ""
    return f"{record.took_seconds:>6.1f} s  {ended}{skipped}"


if __name__ == "__main__":
    sys.exit(main())
