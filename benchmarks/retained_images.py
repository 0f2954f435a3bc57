"""Are 2,000 images in 20 repositories still there? flowdrill's tier `exists` beside `skopeo inspect --raw`, eight at a
time, on the same registry in the same run.

The registry is Debian's docker-registry on loopback, set up as its package does; its storage is written directly, with
small distinct images. `--delay` puts a proxy before it that holds every packet back, as a network would. flowdrill runs
in a process of its own, whose start counts and whose peak memory is read. Goals: at least 10 times as fast, and under
100 MB.

    python benchmarks/retained_images.py [--images 2000] [--repositories 20] [--rounds 3] [--delay MS] [--smoke]
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

REGISTRY, SKOPEO = "docker-registry", "skopeo"
AT_A_TIME = 8
OCI = "application/vnd.oci.image"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Medians over the rounds; None where skopeo is not installed."""

    images: int
    repositories: int
    rounds: int
    delay_milliseconds: float
    flowdrill_seconds: float  # of the whole process
    flowdrill_without_its_start_seconds: float
    flowdrill_images_per_second: float
    flowdrill_peak_megabytes: float
    skopeo_seconds: float | None
    times_as_fast: float | None


def fill(storage: Path, images: int, repositories: int) -> list[tuple[str, str]]:
    """Write the images into the registry's storage; return each one's repository and digest."""
    root = storage / "docker/registry/v2"
    layer = b"\0" * 1024
    made = []
    for number in range(images):
        repository = f"team/app-{number % repositories}"
        config = json.dumps({"os": "linux", "architecture": "amd64", "rootfs": {"diff_ids": []}, "n": number}).encode()
        blobs = [_blob(root, content) for content in (config, layer)]
        manifest = {
            "schemaVersion": 2,
            "mediaType": f"{OCI}.manifest.v1+json",
            "config": {"mediaType": f"{OCI}.config.v1+json", "digest": blobs[0], "size": len(config)},
            "layers": [{"mediaType": f"{OCI}.layer.v1.tar", "digest": blobs[1], "size": len(layer)}],
        }
        digest = _blob(root, json.dumps(manifest).encode())
        links = [("_layers", blob) for blob in blobs] + [("_manifests/revisions", digest)]
        for folder, linked in links:
            place = root / "repositories" / repository / folder / "sha256" / linked.partition(":")[2]
            place.mkdir(parents=True, exist_ok=True)
            (place / "link").write_text(linked)
        made.append((repository, digest))
    return made


def _blob(root: Path, content: bytes) -> str:
    name = hashlib.sha256(content).hexdigest()
    place = root / "blobs/sha256" / name[:2] / name
    place.mkdir(parents=True, exist_ok=True)
    (place / "data").write_bytes(content)
    return f"sha256:{name}"


@contextmanager
def program(command: list[str], port: int) -> Iterator[str]:
    """Run a server until the block ends; yields its address once it listens."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            for _ in range(400):
                with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                    break
                assert process.poll() is None, f"{command[0]} ended"
                time.sleep(0.05)
            yield f"127.0.0.1:{port}"
        finally:
            process.terminate()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextmanager
def registry(folder: Path, delay_milliseconds: float) -> Iterator[str]:
    port = free_port()
    config = {
        "version": "0.1",
        "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {"cache": {"blobdescriptor": "inmemory"}, "filesystem": {"rootdirectory": str(folder / "storage")}},
        "http": {"addr": f"127.0.0.1:{port}"},
    }
    (folder / "config.yml").write_text(json.dumps(config))  # JSON is YAML
    with program([REGISTRY, "serve", str(folder / "config.yml")], port) as address:
        if not delay_milliseconds:
            yield address
            return
        front = free_port()
        relay = [sys.executable, __file__, "--relay", str(front), str(port), str(delay_milliseconds)]
        with program(relay, front) as delayed:
            yield delayed


async def relay(front: int, port: int, delay_seconds: float) -> None:
    """Carry connections from one port to the other, and hold back every packet of both directions."""
    loop = asyncio.get_running_loop()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(1 << 16):
                loop.call_later(delay_seconds, writer.write, data)
        loop.call_later(delay_seconds, writer.close)

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(2 * delay_seconds)  # the handshake
        other_reader, other_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(carry(reader, other_writer), carry(other_reader, writer))

    server = await asyncio.start_server(accept, "127.0.0.1", front)
    await server.serve_forever()


def examine(listed: Path) -> None:
    """flowdrill's side, in this process: read the references, look at them, say what was found."""
    import resource  # noqa: PLC0415 - and flowdrill only here: the process that compares must not count

    from flowdrill.edges.registry.image_registry import ImageRegistry  # noqa: PLC0415
    from flowdrill.model.image_health import Health, Tier  # noqa: PLC0415
    from flowdrill.model.image_reference import parse_image_reference  # noqa: PLC0415
    from flowdrill.oci.client import open_registry  # noqa: PLC0415

    references = [parse_image_reference(line) for line in listed.read_text().splitlines()]
    images = ImageRegistry(open_registry, {}.__getitem__)
    began = time.monotonic()
    found = images.examine(references, Tier.EXISTS)
    took = time.monotonic() - began
    images.close()
    retained = sum(one.health is Health.RETAINED for one in found)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"retained": retained, "seconds": took, "peak_megabytes": round(peak, 1)}))


def with_flowdrill(listed: Path, images: int) -> tuple[float, float, float]:
    began = time.monotonic()
    ran = subprocess.run(
        [sys.executable, __file__, "--examine", str(listed)], capture_output=True, text=True, check=True
    )
    took = time.monotonic() - began
    said = json.loads(ran.stdout)
    assert said["retained"] == images, said
    return took, float(said["seconds"]), float(said["peak_megabytes"])


def with_skopeo(listed: Path) -> float:
    def inspect(reference: str) -> None:
        command = [SKOPEO, "inspect", "--raw", "--tls-verify=false", f"docker://{reference}"]
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)

    began = time.monotonic()
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        list(pool.map(inspect, listed.read_text().splitlines()))
    return time.monotonic() - began


def compared(images: int, repositories: int, rounds: int, delay_milliseconds: float) -> Comparison:
    ours, inner, peaks, theirs = [], [], [], []
    has_skopeo = shutil.which(SKOPEO) is not None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = fill(folder / "storage", images, repositories)
        with registry(folder, delay_milliseconds) as address:
            listed = folder / "references"
            listed.write_text("".join(f"{address}/{repository}@{digest}\n" for repository, digest in made))
            for number in range(rounds):
                seconds, examined, peak = with_flowdrill(listed, images)
                ours.append(seconds)
                inner.append(examined)
                peaks.append(peak)
                if has_skopeo:
                    theirs.append(with_skopeo(listed))
                beside = f", {SKOPEO} {theirs[-1]:.2f} s" if theirs else ""
                print(f"round {number + 1}: flowdrill {seconds:.2f} s, {peak:.0f} MB{beside}", file=sys.stderr)
    took = statistics.median(ours)
    skopeo = statistics.median(theirs) if theirs else None
    return Comparison(
        images, repositories, rounds, delay_milliseconds, round(took, 2),
        round(statistics.median(inner), 2), round(images / took, 1), max(peaks),
        None if skopeo is None else round(skopeo, 2), None if skopeo is None else round(skopeo / took, 1),
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--repositories", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--delay", type=float, default=0.0, metavar="MS", help="milliseconds each way")
    parser.add_argument("--smoke", action="store_true", help="only see that it runs")
    parser.add_argument("--examine", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--relay", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.examine:
        return examine(options.examine)
    if options.relay:
        front, port, delay = options.relay
        return asyncio.run(relay(int(front), int(port), float(delay) / 1000))
    if shutil.which(REGISTRY) is None:
        print(f"skipped: no {REGISTRY} program on PATH (Debian's package of that name)")
        return print(json.dumps({"skipped": f"no {REGISTRY}"}))
    if shutil.which(SKOPEO) is None:
        print(f"no {SKOPEO} program on PATH (Debian's package of that name): flowdrill is measured alone")
    size = (20, 2, 1) if options.smoke else (options.images, options.repositories, options.rounds)
    comparison = compared(*size, options.delay)
    for name, value in asdict(comparison).items():
        print(f"{name.replace('_', ' '):<30} {value}")
    return print(json.dumps(asdict(comparison)))


if __name__ == "__main__":
    main()
