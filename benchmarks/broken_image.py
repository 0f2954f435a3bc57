"""Claim: making a broken image from a stable one of 170 MB, and pushing it, is at least 20 times as fast as with
`buildah`.

Side by side, in the same registry (the embedded cluster's, on loopback), the same change (scenario edge-missing: one
file of the flow, and labels), and each round content that the registry does not have yet:

- flowdrill as a drill does it: it reads the stable image from the registry, finds the flow, changes it, pushes. It has
  nothing of the image on this machine. Also as `flowdrill image derive`, a process with its start.
- buildah with nothing on this machine either: it pulls the image first. And buildah that has pulled it before. It is
  given the changed file, and takes the fastest way it has (see `image_stage/buildah.py`).

Both images must have the same file in the same place, the same configuration, and the stable image's layers. A proxy
before the registry counts every byte of every connection, both ways. Beside them: pushing the stable image as a whole.

Goals, of the medians: at least 20 times as fast as buildah, in both cases.
"""

from __future__ import annotations

import argparse
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from image_stage.buildah import PROGRAM, Buildah, BuildahError
from image_stage.counting_proxy import CountingProxy
from proof.measure import Claim, Found, Goal, Measure
from proof.program import run_claim, say

from flowdrill.cluster.base_image import push_base_image
from flowdrill.cluster.lifecycle import temporary_cluster
from flowdrill.cluster.state_folder import Settings
from flowdrill.edges.planfiles.reading import find_scenario
from flowdrill.edges.registry.derive import drill_labels
from flowdrill.edges.registry.find_flow import find_flow
from flowdrill.edges.registry.image_registry import ImageRegistry
from flowdrill.model.image_reference import ImageReference, parse_image_reference
from flowdrill.oci.client import open_registry
from flowdrill.oci.image_config import ConfigEdit
from flowdrill.oci.layer import make_layer
from flowdrill.oci.repository import Repository
from flowdrill.oci.stored_image import StoredImage, image_with, publish, stored_image

CLAIM = Claim("broken_image", "Making a broken image of a stable one of 170 MB", "buildah, from the same base")
SCENARIO = "edge-missing"
FLOW = Path(__file__).parents[1] / "scenarios" / "flows" / "greeting.json"
OURS, COMMAND, COLD, WARM = "flowdrill", "flowdrill image derive", "buildah, with its pull", "buildah, pulled before"


@dataclass(slots=True)
class Costs:
    """What each way took: seconds and bytes, a value a round."""

    seconds: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    moved: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    new: list[float] = field(default_factory=list)


class Stage:
    """A registry behind a proxy, with a stable image."""

    def __init__(self, registry: str, proxy: CountingProxy, images: ImageRegistry, stable: ImageReference) -> None:
        self.registry, self.stable, self._proxy, self._images = registry, stable, proxy, images
        self.scenario = find_scenario(SCENARIO)
        self.costs = Costs()
        self._name = stable.repository
        found = find_flow(self.repository, self.read(self.broken_by_flowdrill("0")), None)
        self.place, self.text = found.path, found.text

    @property
    def repository(self) -> Repository:
        return self._images.repository_of(self.stable)

    def read(self, reference: ImageReference) -> StoredImage:
        return stored_image(self.repository, reference, None)

    def measure(self, way: str, act: Callable[[], object]) -> None:
        before, began = self._proxy.bytes, time.monotonic()
        act()
        self.costs.seconds[way].append(time.monotonic() - began)
        self.costs.moved[way].append((self._proxy.bytes - before) / 1000)

    def broken_by_flowdrill(self, run: str) -> ImageReference:
        """As in a drill, over new connections."""
        with closing(ImageRegistry(open_registry, self.scenario.read_source)) as images:
            prepared = images.prepare_broken(self.stable, self.scenario.scenario, run)
            images.push(prepared)
        self.costs.new.append(prepared.image.new_bytes / 1000)
        return prepared.image.reference

    def derived(self) -> None:
        """By the command, which makes the same bytes every time: they are deleted for the next."""
        command = [sys.executable, "-m", "flowdrill", "image", "derive", SCENARIO, "--from", str(self.stable)]
        self.measure(COMMAND, lambda: subprocess.run(command, check=True, capture_output=True))
        made = self._images.prepare_broken(self.stable, self.scenario.scenario).image
        assert self.repository.has_manifest(str(made.reference.tag))
        assert self._images.delete(made) == ()

    def tagged(self, tag: str) -> ImageReference:
        return ImageReference(self.registry, self._name, tag, None)

    def require_same(self, one: ImageReference, other: ImageReference) -> None:
        """The same file in the same place, the same configuration, and the stable image's layers below."""
        first, second = self.read(one), self.read(other)
        for image in (first, second):
            below = self.read(self.stable).manifest.layers
            assert [layer.digest for layer in image.manifest.layers[:-1]] == [layer.digest for layer in below]
            found = find_flow(self.repository, image, None)
            assert (found.path, found.text) == (self.place, self.text), image.reference
        ours, theirs = first.config, second.config
        for name in ("env", "entrypoint", "cmd", "working_dir", "labels", "platform"):
            assert getattr(ours, name) == getattr(theirs, name), (name, getattr(ours, name), getattr(theirs, name))


@contextmanager
def stage(megabytes: int) -> Iterator[tuple[Stage, float]]:
    """Yields the stage, and the seconds that pushing the stable image as a whole took."""
    with temporary_cluster(Settings()) as cluster, closing(CountingProxy(cluster.settings.registry_port)) as proxy:
        push_base_image(cluster.registry, "benchmark")
        registry = f"127.0.0.1:{proxy.port}"
        with closing(ImageRegistry(open_registry, find_scenario(SCENARIO).read_source)) as images:
            base = parse_image_reference(f"{registry}/langflow-base:benchmark")
            repository = images.repository_of(base)
            runtime = make_layer({"/app/runtime": secrets.token_bytes(megabytes * 1_000_000)})
            whole = image_with(stored_image(repository, base, None), runtime, ConfigEdit("a runtime"))
            began = time.monotonic()
            publish(whole, repository, "whole")
            took = time.monotonic() - began
            to = ImageReference(registry, "flows/greeting", "1.0.0", None)
            runtime_image = parse_image_reference(f"{registry}/langflow-base:whole")
            stable = images.make_flow_image(FLOW.read_bytes(), FLOW.name, runtime_image, to).reference
            yield Stage(registry, proxy, images, stable), took


class Peer:
    """buildah, in the two ways it is measured."""

    def __init__(self, on: Stage, folder: Path) -> None:
        self._stage, self._folder = on, folder
        self._warm = Buildah(folder / "warm")
        self._file = folder / "flow.json"
        self._file.write_text(on.text, "utf-8")
        self._labels = drill_labels(on.scenario.scenario.scenario, on.read(on.stable), None)

    def pull(self) -> str:
        """Make it warm; return its version. BuildahError where it cannot work."""
        self._warm.pull(str(self._stage.stable))
        self.change(self._warm, "0", "warm-0")  # also its caches
        return self._warm.version()

    def change(self, buildah: Buildah, run: str, tag: str) -> None:
        labels, to = {**self._labels, "dev.flowdrill.run": run}, str(self._stage.tagged(tag))
        buildah.change(str(self._stage.stable), self._file, self._stage.place, labels, to)

    def warm(self, run: str) -> ImageReference:
        self._stage.measure(WARM, lambda: self.change(self._warm, run, f"warm-{run}"))
        return self._stage.tagged(f"warm-{run}")

    def cold(self, run: str) -> ImageReference:
        with closing(Buildah(self._folder / f"cold-{run}")) as empty:

            def pull_and_change() -> None:
                empty.pull(str(self._stage.stable))
                self.change(empty, run, f"cold-{run}")

            self._stage.measure(COLD, pull_and_change)
        return self._stage.tagged(f"cold-{run}")

    def close(self) -> None:
        self._warm.close()


def measured(options: argparse.Namespace) -> Found:
    skipped: tuple[str, ...] = ()
    versions: tuple[tuple[str, str], ...] = ()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        on, whole_seconds = stack.enter_context(stage(5 if options.smoke else 170))
        peer: Peer | None = None
        if shutil.which(PROGRAM) is None:
            skipped = (f"{PROGRAM}: no such program on PATH (Debian's package of that name)",)
        else:
            peer = stack.enter_context(closing(Peer(on, folder)))
            try:
                versions = ((PROGRAM, peer.pull()),)
            except BuildahError as error:
                peer, skipped = None, (f"{PROGRAM}: does not work on this machine: {error}",)
        on.costs.new.clear()
        for number in range(1, options.rounds + 1):
            one_round(on, peer, number)
            say(f"round {number} of {options.rounds}")
    measures = measures_of(on.costs, whole_seconds)
    return Found(measures, skipped, () if options.smoke else notes_of(measures), versions)


def one_round(on: Stage, peer: Peer | None, number: int) -> None:
    run = str(number)
    made: dict[str, ImageReference] = {}

    def ours() -> None:
        on.measure(OURS, lambda: made.update(ours=on.broken_by_flowdrill(run)))

    ways: list[Callable[[], None]] = [ours, on.derived]
    if peer is not None:
        ways += [lambda: made.update(warm=peer.warm(run)), lambda: made.update(cold=peer.cold(run))]
    for way in ways if number % 2 else reversed(ways):
        way()
    for other in made.keys() - {"ours"}:
        on.require_same(made["ours"], made[other])


def measures_of(costs: Costs, whole_seconds: float) -> tuple[Measure, ...]:
    told = [Measure("seconds", "pushing the stable image as a whole", "s", (whole_seconds,))]
    told += [Measure("seconds", way, "s", tuple(values)) for way, values in costs.seconds.items()]
    moved = [
        Measure("over the wire, both ways", f"{way}: moved", "kB", tuple(found)) for way, found in costs.moved.items()
    ]
    moved.append(Measure("over the wire, both ways", f"{OURS}: new", "kB", tuple(costs.new)))
    ratios = []
    for way in (COLD, WARM):
        if way in costs.seconds:
            times = tuple(theirs / ours for theirs, ours in zip(costs.seconds[way], costs.seconds[OURS], strict=True))
            ratios.append(Measure("flowdrill is as fast as", way, "times", times, Goal(at_least=20)))
    return (*told, *ratios, *moved)


def notes_of(measures: tuple[Measure, ...]) -> tuple[str, ...]:
    if not any(one.missed and one.name == WARM for one in measures):
        return ()
    return (
        "A buildah that has pulled the image before has nothing to fetch: five short programs are left, one after the "
        "other. Most of flowdrill's own time is ten requests, one after the other.",
    )


if __name__ == "__main__":
    sys.exit(run_claim(CLAIM, measured, __doc__, rounds=7))
