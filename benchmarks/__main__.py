"""All benchmarks, in turn: tables here, records in `benchmarks/results/`, and the results in `docs/benchmarks.md`.

    python benchmarks [--smoke] [--more] [NAME ...]

Each is a program of its own, too: `python benchmarks/NAME.py --help`. Exit code 1: a goal was missed, or a benchmark
failed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from proof.page import PAGE, with_results
from proof.record import Record, from_json

HERE = Path(__file__).parent
RESULTS = HERE / "results"
CLAIMS = ("decision_to_patch",)
MORE = ("site_of_runs", "outcome_bins", "fleet")  # what takes longer, or has no peer
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
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder) if options.smoke else RESULTS
        ended = {name: carried_out(name, kept, smoke=options.smoke) for name in names}
    if not options.smoke:
        PAGE.write_text(with_results(PAGE.read_text("utf-8"), RESULTS), "utf-8")
    print(f"\n{len(ended)} benchmarks in {time.monotonic() - began:.0f} s")
    for name, record in ended.items():
        print(f"  {name:<20} {in_short(record)}")
    return 0 if all(record is not None and not record.missed for record in ended.values()) else 1


def carried_out(name: str, kept: Path, *, smoke: bool) -> Record | None:
    """Run one; return its record, or None when it failed."""
    print(f"\n== {name}", flush=True)
    path = kept / f"{name}.json"
    path.unlink(missing_ok=True)
    command = [sys.executable, str(HERE / f"{name}.py"), "--json", str(path), *(["--smoke"] if smoke else [])]
    try:
        code = subprocess.run(command, check=False, timeout=LIMIT_SECONDS).returncode
    except subprocess.TimeoutExpired:
        print(f"{name}: not done after {LIMIT_SECONDS} s: stopped", file=sys.stderr)
        return None
    return from_json(path.read_text("utf-8")) if code in (0, 1) and path.exists() else None


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
