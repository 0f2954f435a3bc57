"""`gate --evidence`: runs nothing."""

from __future__ import annotations

import argparse

from flowdrill.analysis.evidence_search import Wanted, digest_in
from flowdrill.commands.annotating import Annotator
from flowdrill.commands.exit_codes import ExitCode
from flowdrill.commands.gate_files import append_text, check_writable
from flowdrill.commands.pushes import reached_by
from flowdrill.edges.signing.keys import read_public_key
from flowdrill.errors import PlanError
from flowdrill.history.evidence_stores import opened_store
from flowdrill.history.searching_evidence import search_evidence, wanted_of
from flowdrill.model.evidence_search import EvidenceAnswer, Found
from flowdrill.model.quantity import parse_duration_seconds
from flowdrill.report.evidence_text import HEADS, render_evidence_json, render_evidence_markdown, render_evidence_text
from flowdrill.report.github_annotations import Annotation, Level

_CODES = {Found.PROVEN: ExitCode.PASS, Found.NOT_PROVEN: ExitCode.INCONCLUSIVE, Found.NONE: ExitCode.FAIL}
_LEVELS = {Found.PROVEN: Level.NOTICE, Found.NOT_PROVEN: Level.ERROR, Found.NONE: Level.ERROR}


def ask_history(options: argparse.Namespace, annotator: Annotator) -> ExitCode:
    """Say whether a signed, passing drill has rolled back to an image lately."""
    wanted = _wanted(options)
    key = None if options.key is None else read_public_key(options.key)
    check_writable(options.markdown, "--markdown")
    with opened_store(options.evidence, reached_by(options)) as opened:
        if opened.image not in (None, wanted.digest):
            raise PlanError(f"--image {options.image}: the store names another image, {opened.image}", "name one")
        answer = search_evidence(opened.store, wanted, key)
    append_text(options.markdown, render_evidence_markdown(answer), "--markdown")
    text = render_evidence_json(answer) if options.json else render_evidence_text(answer)
    return annotator.answer(text, _annotations(answer), _CODES[answer.found])


def _wanted(options: argparse.Namespace) -> Wanted:
    if options.image is None:
        raise PlanError("--evidence: of which image is not said", "what must a rollback bring back? --image sha256:…")
    digest = digest_in(options.image)
    if digest is None:
        raise PlanError(
            f"--image {options.image}: has no digest", "a tag may have moved: give sha256:…, or IMAGE@sha256:…"
        )
    try:
        seconds = parse_duration_seconds(options.not_older_than)
    except ValueError as error:
        raise PlanError(f"--not-older-than: {error}", "such as 30d") from error
    return wanted_of(digest, seconds)


def _annotations(answer: EvidenceAnswer) -> list[Annotation]:
    said = Annotation(_LEVELS[answer.found], f"flowdrill gate: {HEADS[answer.found]}", f"{answer.image}: {answer.says}")
    unread = [Annotation(Level.WARNING, "flowdrill gate: a run could not be read", one) for one in answer.unreadable]
    return [said, *unread]
