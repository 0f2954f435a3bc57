"""A run whose stable image is in a registry, to be pushed beside it; and what every registry must do with it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from flowdrill.cli.main import main
from flowdrill.edges.runfolder.folder import RunFolder
from flowdrill.history.registry_store import ARTIFACT_TYPE
from flowdrill.history.run_reports import write_reports
from flowdrill.history.sealing import seal
from flowdrill.model.events import StableImageSeen
from flowdrill.model.outcome import FILE_HEADER
from flowdrill.oci.artifact import EMPTY, artifact_of
from flowdrill.oci.digest import digest_of
from flowdrill.oci.manifests import OCI_MANIFEST, Descriptor
from flowdrill.oci.referrers import push_artifact, referrers_of
from flowdrill.oci.repository import Repository
from tests.fakes.world import SCENARIO, World
from tests.unit.test_run_folder import STARTED


def put_image(repository: Repository, tag: str = "1.0.0") -> Descriptor:
    """Push an image of one small layer."""
    config = b'{"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": []}}'
    layer = b"a layer"
    for blob in (config, layer):
        repository.push_blob(blob)
    kinds = ("application/vnd.oci.image.config.v1+json", "application/vnd.oci.image.layer.v1.tar")
    described = [{"mediaType": kind, "digest": digest_of(blob), "size": len(blob)}
                 for kind, blob in zip(kinds, (config, layer), strict=True)]  # fmt: skip
    document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": described[0], "layers": described[1:]}
    text = json.dumps(document).encode()
    repository.put_manifest(text, OCI_MANIFEST, tag)
    return Descriptor(OCI_MANIFEST, digest_of(text), len(text))


def run_on(repository: Repository, stable: Descriptor, out: Path) -> Path:
    """Write a run whose stable image this is."""
    world = World()
    world.run()
    pinned = f"{repository.client.host}/{repository.name}@{stable.digest}"
    with RunFolder.create(out, world.drill, SCENARIO, STARTED) as folder:
        for event in world.events:
            seen = isinstance(event, StableImageSeen)
            about = {"reference": pinned, "pinned": pinned, "digest": stable.digest}
            folder.emit(replace(event, **about) if seen else event)  # type: ignore[type-var]
        records = b"".join(record.pack() for record in world.load.records)
        (folder.path / "outcomes.bin").write_bytes(FILE_HEADER + records)
    seal(folder.path, write_reports(folder.path).result, None)
    return folder.path


def pushes_and_lists(repository: Repository, tmp_path: Path, capsys: pytest.CaptureFixture[str], found_by: str) -> None:
    """A run is pushed twice beside its image, and somebody else's referrer stays."""
    stable = put_image(repository)
    image = f"oci://{repository.client.host}/{repository.name}@{stable.digest}"
    assert main(["evidence", image]) == 1
    repository.push_blob(EMPTY)
    theirs = artifact_of((), "application/vnd.example.sbom", stable, {"by": "somebody else"})
    push_artifact(repository, theirs, stable.digest)
    folder = run_on(repository, stable, tmp_path)
    verdict = json.loads((folder / "result.json").read_text())["verdict"]
    capsys.readouterr()
    said = []
    for _ in range(2):
        assert main(["push", str(folder), "--json"]) == 0
        said.append(json.loads(capsys.readouterr().out))
    assert said[0] == said[1]
    assert said[0]["subject"] == stable.digest
    assert said[0]["found_by"].partition(" ")[0] == found_by.partition(" ")[0]
    for reference in (image, f"oci://{repository.client.host}/{repository.name}:1.0.0"):
        assert main(["evidence", reference, "--json"]) == 0
        listed = json.loads(capsys.readouterr().out)
        assert listed["image"] == stable.digest
        (row,) = listed["runs"]
        assert (row["name"], row["verdict"]) == (said[0]["digest"], verdict)
    assert main(["evidence", image]) == 0
    assert "1 runs of" in capsys.readouterr().out
    assert [one.digest for one in referrers_of(repository, stable.digest, "application/vnd.example.sbom")] == [
        theirs.digest
    ]
    pulled = json.loads(repository.manifest(said[0]["digest"]).document)
    assert pulled["subject"]["digest"] == stable.digest
    assert pulled["artifactType"] == ARTIFACT_TYPE
    titles = {one["annotations"]["org.opencontainers.image.title"]: one for one in pulled["layers"]}
    assert {"report.html", "result.json", f"{folder.name}.zip"} == set(titles)
    archive = titles[f"{folder.name}.zip"]
    content = b"".join(repository.blob_pieces(Descriptor(archive["mediaType"], archive["digest"], archive["size"])))
    (tmp_path / "pulled.zip").write_bytes(content)
    assert main(["verify", str(tmp_path / "pulled.zip")]) == 3  # unchanged, and not signed
    capsys.readouterr()
