"""What every `LedgerBook` promises: the fake, the file, and the ConfigMap on a cluster."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from kubernetes import client, config

from flowdrill.analysis.ledger_chain import GENESIS, MOST_BYTES, canonical_json, hash_of, ledger_text, parse_ledger
from flowdrill.edges.kubernetes.ledger_map import KEY, KubernetesLedger, open_ledger_map
from flowdrill.edges.kubernetes.refusals import AnswerError
from flowdrill.edges.ledgerfile.ledger_file import LedgerFile
from flowdrill.engine.image_ports import LedgerBook
from flowdrill.errors import BrokenLedgerError, LedgerError, PlanError
from tests.contract.conftest import Place
from tests.fakes.fake_ledger import FakeLedger

FIRST, SECOND = (f"sha256:{one * 64}" for one in "ab")


@dataclass
class LedgerBench:
    """An empty ledger, another way to it, and its text as somebody may change it by hand."""

    book: LedgerBook
    again: LedgerBook
    text: Callable[[], str]
    write: Callable[[str], None]


def fake_bench() -> LedgerBench:
    fake = FakeLedger()
    return LedgerBench(fake, fake, lambda: fake.text, lambda text: setattr(fake, "text", text))


def file_bench(folder: Path) -> LedgerBench:
    path = folder / "ledger.jsonl"
    one, other = (LedgerFile(path, lambda: datetime.now(UTC)) for _ in range(2))

    def write(text: str) -> None:
        path.write_text(text)

    return LedgerBench(one, other, path.read_text, write)


@dataclass(frozen=True)
class Namespace:
    """A namespace for ledgers alone: they need neither pods nor images."""

    place: Place
    name: str
    core: client.CoreV1Api

    def open(self, name: str) -> KubernetesLedger:
        place = self.place
        return open_ledger_map(place.context, self.name, name, lambda: datetime.now(UTC), kubeconfig=place.kubeconfig)

    @contextmanager
    def bench(self) -> Iterator[LedgerBench]:
        name = f"ledger-{secrets.token_hex(3)}"

        def text() -> str:
            return str(self.core.read_namespaced_config_map(name, self.name).data[KEY])

        def write(text: str) -> None:
            self.core.patch_namespaced_config_map(name, self.name, {"data": {KEY: text}})

        with self.open(name) as book, self.open(name) as again:
            yield LedgerBench(book, again, text, write)


@contextmanager
def namespace_on(place: Place) -> Iterator[Namespace]:
    name = f"flowdrill-ledger-{secrets.token_hex(3)}"
    with config.new_client_from_config(config_file=place.kubeconfig, context=place.context) as api:
        core = client.CoreV1Api(api)
        core.create_namespace({"metadata": {"name": name}})
        try:
            yield Namespace(place, name, core)
        finally:
            core.delete_namespace(name)


@pytest.fixture(scope="module")
def namespaces() -> Iterator[Callable[[Place], Namespace]]:
    """One namespace a cluster, made when a test asks for it."""
    made: dict[str, Namespace] = {}
    with ExitStack() as stack:

        def on(place: Place) -> Namespace:
            if place.kubeconfig not in made:
                made[place.kubeconfig] = stack.enter_context(namespace_on(place))
            return made[place.kubeconfig]

        yield on


@pytest.fixture(params=["fake", "file", "embedded", pytest.param("real", marks=pytest.mark.kubernetes)])
def bench(
    request: pytest.FixtureRequest, namespaces: Callable[[Place], Namespace], tmp_path: Path
) -> Iterator[LedgerBench]:
    if request.param == "fake":
        yield fake_bench()
    elif request.param == "file":
        yield file_bench(tmp_path)
    else:
        with namespaces(request.getfixturevalue(f"{request.param}_place")).bench() as real:
            yield real


@pytest.fixture
def namespace(place: Place, namespaces: Callable[[Place], Namespace]) -> Namespace:
    return namespaces(place)


def reference(digest: str) -> str:
    return f"registry.test/flow:1.0@{digest}"


def test_a_ledger_that_is_not_there_yet_is_empty(bench: LedgerBench) -> None:
    ledger = bench.book.read()
    assert ledger.entries == ()
    assert ledger.where


def test_what_is_added_is_read_by_everybody_in_order(bench: LedgerBench) -> None:
    first = bench.book.append(FIRST, reference(FIRST), "run-1", "passed")
    second = bench.again.append(SECOND, reference(SECOND), "me@here", "ü, tried by hand")
    assert bench.book.read().entries == bench.again.read().entries == (first, second)
    assert (first.number, first.previous, second.number, second.previous) == (1, GENESIS, 2, first.hash)
    assert (first.digest, first.reference, first.by, first.note) == (FIRST, reference(FIRST), "run-1", "passed")


def test_what_it_keeps_is_one_line_an_entry(bench: LedgerBench) -> None:
    for digest in (FIRST, SECOND):
        bench.book.append(digest, reference(digest), "run-1", "")
    ledger = bench.book.read()
    assert bench.text() == ledger_text(ledger)
    assert parse_ledger(bench.text(), ledger.where) == ledger


def test_the_same_is_not_said_twice(bench: LedgerBench) -> None:
    first = bench.book.append(FIRST, reference(FIRST), "run-1", "passed")
    assert bench.again.append(FIRST, reference(FIRST), "run-1", "passed, really") == first
    bench.book.append(FIRST, reference(FIRST), "run-2", "passed")
    assert [entry.by for entry in bench.book.read().entries] == ["run-1", "run-2"]


def test_a_change_by_hand_is_found_and_nothing_is_added_after_it(bench: LedgerBench) -> None:
    for digest in (FIRST, SECOND):
        bench.book.append(digest, reference(digest), "run-1", "passed")
    changed = bench.text().replace('"note":"passed"', '"note":"failed"', 1)
    bench.write(changed)
    with pytest.raises(BrokenLedgerError) as broken:
        bench.book.read()
    assert broken.value.entry == 1
    with pytest.raises(BrokenLedgerError):
        bench.again.append(FIRST, reference(FIRST), "run-3", "passed")
    assert bench.text() == changed


@pytest.mark.parametrize("text", ["hello", "\u202e\n", '{"number":1}\n', "[" * 4000])
def test_what_somebody_else_wrote_there_is_no_ledger(bench: LedgerBench, text: str) -> None:
    bench.book.append(FIRST, reference(FIRST), "run-1", "")
    bench.write(text)
    with pytest.raises(LedgerError):
        bench.book.read()


def test_what_must_not_be_in_it_is_refused_and_makes_no_ledger(bench: LedgerBench) -> None:
    with pytest.raises(PlanError, match="control or invisible"):
        bench.book.append(FIRST, reference(FIRST), "run-1", "two\nlines")
    assert bench.book.read().entries == ()


def test_two_who_write_at_once_lose_nothing(bench: LedgerBench) -> None:
    def write(book: LedgerBook, name: str) -> None:
        for number in range(4):
            book.append(FIRST, reference(FIRST), f"{name}-{number}", "")

    writers = [
        threading.Thread(target=write, args=(book, name)) for book, name in ((bench.book, "a"), (bench.again, "b"))
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    entries = bench.book.read().entries
    assert {entry.by for entry in entries} == {f"{name}-{number}" for name in "ab" for number in range(4)}
    assert len(entries) == 8


# what a cluster alone has


def test_the_config_map_says_who_keeps_it(namespace: Namespace) -> None:
    with namespace.open("labelled") as book:
        book.append(FIRST, reference(FIRST), "run-1", "")
    made = namespace.core.read_namespaced_config_map("labelled", namespace.name)
    assert made.metadata.labels == {"app.kubernetes.io/managed-by": "flowdrill"}


def test_a_config_map_that_a_team_made_is_used_with_what_else_it_has(namespace: Namespace) -> None:
    ours = {"metadata": {"name": "ours"}, "data": {"a": "b"}}
    namespace.core.create_namespaced_config_map(namespace.name, ours)
    with namespace.open("ours") as book:
        assert book.append(FIRST, reference(FIRST), "run-1", "").number == 1
    data = namespace.core.read_namespaced_config_map("ours", namespace.name).data
    assert (set(data), data["a"]) == ({"a", KEY}, "b")


def test_an_immutable_config_map_is_not_added_to(namespace: Namespace) -> None:
    closed = {"metadata": {"name": "closed"}, "immutable": True}
    namespace.core.create_namespaced_config_map(namespace.name, closed)
    with namespace.open("closed") as book, pytest.raises(LedgerError, match="is immutable"):
        book.append(FIRST, reference(FIRST), "run-1", "")


def test_a_namespace_that_is_not_there_is_an_error_when_something_is_written(namespace: Namespace) -> None:
    elsewhere = replace(namespace, name="flowdrill-nowhere")
    with elsewhere.open("ledger") as book, pytest.raises(AnswerError, match="flowdrill-nowhere"):
        book.append(FIRST, reference(FIRST), "run-1", "")


def test_a_full_ledger_still_fits_into_a_config_map(namespace: Namespace) -> None:
    with namespace.bench() as bench:
        bench.book.append(FIRST, reference(FIRST), "run-0", "x" * 450)
        bench.write(nearly(bench.text(), bench.book))
        entries = len(bench.book.read().entries)
        assert bench.book.append(FIRST, reference(FIRST), "the last one", "").number == entries + 1
        with pytest.raises(LedgerError, match="is full"):
            fill(bench.book)


def fill(book: LedgerBook) -> None:
    for number in range(9):
        book.append(FIRST, reference(FIRST), f"too much {number}", "x" * 450)


def nearly(text: str, book: LedgerBook) -> str:
    """The text of a ledger with room for a few entries more."""
    lines = [text.rstrip("\n")]
    entry = asdict(book.read().entries[0])
    while (len(lines) + 3) * (len(lines[-1]) + 1) < MOST_BYTES:
        entry |= {"number": len(lines) + 1, "by": f"run-{len(lines)}", "previous": entry["hash"]}
        entry["hash"] = hash_of(entry)
        lines.append(canonical_json(entry))
    return "\n".join(lines) + "\n"
