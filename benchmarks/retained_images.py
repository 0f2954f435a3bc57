"""Claim: whether 2,000 images in 20 repositories are still there is found out at least 10 times as fast as by
`skopeo inspect --raw`, eight at a time; the same 20 ms away from the registry.

Side by side, on the same registry (Debian's docker-registry on loopback, over TLS, its storage filled with small
distinct images): flowdrill's tier `exists` for all images, a process of its own whose start counts and whose peak
memory is read; and skopeo, one process an image, for a sample of them: its cost is per image, so its time for all is
that of the sample times images / sample, which adds at most the end of the sample, when fewer than eight are left
(some percent, in flowdrill's favour). skopeo does not verify the certificate, which is its fastest way (over plain HTTP
it would ask twice); flowdrill does verify it. Also told: skopeo with 32 at a time, as many as flowdrill has
connections. The second case puts a relay before the registry that holds every packet back for 20 ms, each way.

Goals, of the medians: at least 10 times as fast in both cases; at most 100 MB.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from image_stage.delaying_relay import delayed
from image_stage.filled_registry import PROGRAM, fill, registry
from proof.measure import Claim, Found, Goal, Measure
from proof.program import run_claim, say

CLAIM = Claim("retained_images", "2,000 images in 20 repositories: still there?", "skopeo inspect --raw")
SKOPEO = "skopeo"
AT_A_TIME = (8, 32)
DELAYS_MILLISECONDS = (0, 20)
HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Size:
    images: int
    repositories: int
    sample: int  # how many of them skopeo looks at


@dataclass(frozen=True, slots=True)
class Asked:
    """What flowdrill's process is given: a file with the references, and the authority of the registry."""

    listed: Path
    authority: Path
    images: int


@dataclass(frozen=True, slots=True)
class Round:
    """Seconds for all images; skopeo's by how many at a time."""

    flowdrill: float
    looking: float  # of it, without the process's start
    peak_megabytes: float
    skopeo: dict[int, float]


def measured(options: argparse.Namespace) -> Found:
    if shutil.which(PROGRAM) is None:
        return Found((), (f"everything: no {PROGRAM} program on PATH (Debian's package of that name)",))
    size = Size(20, 2, 10) if options.smoke else Size(2000, 20, 120)
    has_skopeo = shutil.which(SKOPEO) is not None
    measures: list[Measure] = []
    for milliseconds in DELAYS_MILLISECONDS:
        case = f"{milliseconds} ms away, each way" if milliseconds else "on loopback"
        say(case)
        measures += measures_of(case, rounds_of(size, options.rounds, milliseconds, with_skopeo=has_skopeo))
    scaled = f"skopeo looked at {size.sample} of the {size.images:,} images: its seconds are told for all of them."
    skipped = () if has_skopeo else (f"{SKOPEO}: no such program on PATH (Debian's package of that name)",)
    versions = ((PROGRAM, version(PROGRAM, 2)), *(((SKOPEO, version(SKOPEO, 2)),) if has_skopeo else ()))
    return Found(tuple(measures), skipped, (scaled,) if has_skopeo else (), versions)


def version(program: str, word: int) -> str:
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    return said.split()[word]


def rounds_of(size: Size, rounds: int, milliseconds: float, *, with_skopeo: bool) -> list[Round]:
    chance = random.Random(CLAIM.seed)
    found = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = fill(folder / "storage", size.images, size.repositories)
        with registry(folder) as near, delayed(near, milliseconds) as address:
            references = [f"{address}/{repository}@{digest}" for repository, digest in made]
            asked = Asked(folder / "references", folder / "ca.crt", size.images)
            asked.listed.write_text("\n".join(references))
            for number in range(rounds):
                sample = chance.sample(references, size.sample) if with_skopeo else []
                found.append(one_round(asked, sample, ours_first=number % 2 == 0))
                say(f"  round {number + 1} of {rounds}")
    return found


def one_round(asked: Asked, sample: list[str], *, ours_first: bool) -> Round:
    ours = by_flowdrill(asked) if ours_first else None
    theirs = {at: by_skopeo(sample, at) * asked.images / len(sample) for at in AT_A_TIME if sample}
    ours = ours or by_flowdrill(asked)
    return Round(ours["process_seconds"], ours["seconds"], ours["peak_megabytes"], theirs)


def by_flowdrill(asked: Asked) -> dict[str, float]:
    command = [sys.executable, "-m", "image_stage.looking", str(asked.listed), str(asked.authority)]
    began = time.monotonic()
    ran = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=HERE)
    took = time.monotonic() - began
    said: dict[str, float] = json.loads(ran.stdout)
    assert said["retained"] == asked.images, said
    return {**said, "process_seconds": took}


def by_skopeo(references: list[str], at_a_time: int) -> float:
    def inspect(reference: str) -> None:
        command = [SKOPEO, "inspect", "--raw", "--tls-verify=false", f"docker://{reference}"]
        said = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
        assert b'"schemaVersion"' in said, said

    began = time.monotonic()
    with ThreadPoolExecutor(at_a_time) as pool:
        list(pool.map(inspect, references))
    return time.monotonic() - began


def measures_of(case: str, rounds: list[Round]) -> list[Measure]:
    def over(value: Callable[[Round], float]) -> tuple[float, ...]:
        return tuple(value(one) for one in rounds)

    measures = [
        Measure(case, "flowdrill, the whole process", "s", over(lambda one: one.flowdrill)),
        Measure(case, "flowdrill, without its start", "s", over(lambda one: one.looking)),
        Measure(case, "flowdrill, peak memory", "MB", over(lambda one: one.peak_megabytes), Goal(at_most=100)),
    ]
    for at in rounds[0].skopeo:
        seconds = tuple(one.skopeo[at] for one in rounds)
        times = tuple(one.skopeo[at] / one.flowdrill for one in rounds)
        goal = Goal(at_least=10) if at == 8 else None
        measures.append(Measure(case, f"skopeo, {at} at a time", "s", seconds))
        measures.append(Measure(case, f"as fast as skopeo x {at}", "times", times, goal))
    return measures


if __name__ == "__main__":
    sys.exit(run_claim(CLAIM, measured, __doc__, rounds=3))
