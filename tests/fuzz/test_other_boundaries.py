"""Registries, run folders and logs: whatever bytes they are, a value or one clear error comes of them."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowdrill.analysis.ledger_chain import parse_ledger
from flowdrill.analysis.provider_log import provider_requests
from flowdrill.analysis.redaction import redact
from flowdrill.analysis.scanner_report import parse_report
from flowdrill.edges.kubernetes.lease import held_lease
from flowdrill.edges.people.audit_log import AuditLog
from flowdrill.edges.runfolder.event_file import read_events
from flowdrill.edges.runfolder.folder import RunFolder, read_undo
from flowdrill.edges.runfolder.outcome_file import read_outcomes
from flowdrill.edges.runfolder.outcome_stream import open_outcomes
from flowdrill.edges.runfolder.plan import how_it_ended, read_plan
from flowdrill.edges.terminal.lines import visible
from flowdrill.errors import FlowdrillError
from flowdrill.history.histories import SiteOrder, build_site
from flowdrill.history.run_reports import write_reports
from flowdrill.model.drill import Target
from flowdrill.model.outcome import FILE_HEADER
from flowdrill.model.undo import undo_from_json
from flowdrill.oci.image_config import parse_config
from flowdrill.oci.layer_reading import layer_entries
from flowdrill.oci.manifests import parse_manifest
from tests.fuzz.budget import tried
from tests.fuzz.strategies import json_documents, shaken, shaken_bytes

GOLDEN = Path("tests/golden")
_MANIFEST = (
    b'{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"a","digest":'
    b'"sha256:' + b"a" * 64 + b'","size":2},"layers":[{"mediaType":"b","digest":"sha256:' + b"b" * 64 + b'","size":3}]}'
)
_CONFIG = b'{"architecture":"amd64","os":"linux","config":{"Env":["A=1"],"Cmd":["x"]},"rootfs":{"type":"layers","diff_ids":[]}}'
DIGEST = "sha256:" + "a" * 64


@given(st.one_of(st.binary(max_size=300), shaken_bytes(_MANIFEST), json_documents()))
@tried()
def test_a_manifest(document: bytes) -> None:
    for kind in ("", "application/vnd.oci.image.index.v1+json", "application/vnd.oci.image.manifest.v1+json"):
        with suppress(FlowdrillError):
            parse_manifest(document, kind, DIGEST, "an image")


@given(st.one_of(st.binary(max_size=300), shaken_bytes(_CONFIG), json_documents()))
@tried()
def test_an_image_configuration(document: bytes) -> None:
    with suppress(FlowdrillError):
        parse_config(document, "an image")


def tar_of(names: list[str], kinds: list[int]) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as tar:
        for name, kind in zip(names, kinds, strict=False):
            member = tarfile.TarInfo(name)
            member.type = (tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE)[kind]
            member.linkname = "../../etc/passwd" if kind in (1, 2) else ""
            with suppress(ValueError, UnicodeError):
                tar.addfile(member, io.BytesIO(b""))
    return target.getvalue()


NAMES = st.one_of(
    st.sampled_from(["../x", "/etc/passwd", "a/../../b", ".wh..wh..opq", "a" * 300, ""]), st.text(max_size=20)
)


@given(st.lists(NAMES, max_size=4), st.lists(st.integers(0, 4), min_size=4, max_size=4), st.data())
@tried(30)
def test_a_layer(names: list[str], kinds: list[int], data: st.DataObject) -> None:
    content = data.draw(shaken_bytes(tar_of(names, kinds)))
    for piece in (content, b"\x1f\x8b\x08\x00" + content, b"\x28\xb5\x2f\xfd" + content):
        with suppress(FlowdrillError):
            for entry in layer_entries(iter([piece[:700], piece[700:]]), "a layer"):
                assert entry.path.startswith("/"), "within the image"
                assert ".." not in entry.path.split("/")


@given(st.one_of(st.binary(max_size=400), shaken_bytes(FILE_HEADER + bytes(range(256)))))
@tried(30)
def test_an_outcome_file(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "outcomes.bin"
    path.write_bytes(content)
    with suppress(FlowdrillError):
        read_outcomes(path)


def golden_runs() -> Iterator[Path]:
    yield from (path.parent for path in sorted(GOLDEN.glob("*/events.jsonl")))


@given(st.data())
@tried(20)
def test_a_run_folder(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    source, folder = data.draw(st.sampled_from(list(golden_runs()))), tmp_path_factory.mktemp("run")
    (folder / "evidence").mkdir()
    for name in ("plan.json", "events.jsonl", "outcomes.bin", "undo.json"):
        if (source / name).is_file():
            content = (source / name).read_bytes()
            (folder / name).write_bytes(data.draw(st.one_of(st.just(content), shaken_bytes(content)), label=name))
    for read in (read_plan, read_undo, how_it_ended, write_reports):
        with suppress(FlowdrillError):
            read(folder)
    with suppress(FlowdrillError):
        list(open_outcomes(folder).records)
    with suppress(FlowdrillError):
        read_events(folder / "events.jsonl")
    assert {one.name for one in folder.iterdir()} <= {
        "plan.json", "events.jsonl", "outcomes.bin", "undo.json", "evidence",
        "result.json", "report.html", "report.md", "junit.xml", "metrics.prom",
    }  # fmt: skip


@given(st.data())
@tried(8, many=1000)  # each makes up to three runs anew: half a second; ten thousand took more than an hour
def test_a_folder_of_runs(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """A run is a row of the site, or is listed with its reason."""
    source, folder = data.draw(st.sampled_from(list(golden_runs()))), tmp_path_factory.mktemp("runs")
    for number in range(3):
        (folder / f"{number}").mkdir()
        for name in data.draw(st.sets(st.sampled_from(["result.json", "plan.json", "events.jsonl", "outcomes.bin"]))):
            if (source / name).is_file():
                content = (source / name).read_bytes()
                shaken_or_not = st.one_of(st.just(content), shaken_bytes(content))
                (folder / f"{number}" / name).write_bytes(data.draw(shaken_or_not, label=name))
    built = build_site(SiteOrder(folder, folder / "site", date(2026, 11, 30), 90))
    listed = [one.folder for one in (*built.history.runs, *built.history.unreadable)]
    assert sorted(listed) == ["0", "1", "2"]
    index = (folder / "site" / "index.html").read_bytes()
    assert build_site(SiteOrder(folder, folder / "site", date(2026, 11, 30), 90)).history == built.history
    assert (folder / "site" / "index.html").read_bytes() == index


@given(st.text(max_size=200))
@tried()
def test_the_name_of_evidence_stays_in_its_folder(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    folder = tmp_path_factory.getbasetemp() / "names"
    (folder / "evidence").mkdir(parents=True, exist_ok=True)
    with RunFolder(folder, ()) as run:
        saved = run.save(name, "text")
    assert (folder / saved).resolve().parent == (folder / "evidence").resolve()
    assert {one.name for one in folder.iterdir()} == {"evidence", "events.jsonl"}


@given(st.one_of(st.text(max_size=300), json_documents().map(lambda one: one.decode("utf-8", "replace"))))
@tried()
def test_lines_and_documents_of_others(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    log = tmp_path_factory.getbasetemp() / "audit.log"
    log.write_text(f"{text}\n", encoding="utf-8", errors="replace")
    provider_requests(text)
    redact(text)
    visible(text)
    AuditLog(log, Target(namespace="demo", workload="deployment/app")).changes()
    for parse in (
        lambda: parse_ledger(text, "a ledger"),
        lambda: parse_report(text.encode("utf-8", "replace"), "a report"),
        lambda: undo_from_json(text),
    ):
        with suppress(FlowdrillError, ValueError):
            parse()


@given(st.data())
@tried()
def test_a_lease(data: st.DataObject) -> None:
    held = {
        "metadata": {"name": "flowdrill-deployment-app", "annotations": {"flowdrill.dev/undo": "{}"}},
        "spec": {"holderIdentity": "run-1", "leaseDurationSeconds": 15, "renewTime": "2026-01-01T00:00:00.000000Z"},
    }
    lease = held_lease(data.draw(shaken(held)))
    assert lease.seconds > 0
    lease.read_undo()
    lease.run_id.encode("utf-8", "replace")
