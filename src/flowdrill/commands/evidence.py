"""`verify`, `attest`, `archive`, `key new`."""

from __future__ import annotations

import argparse
import json
import os
import re
from pathlib import Path

from flowdrill.commands.exit_codes import ExitCode
from flowdrill.commands.telling import tell
from flowdrill.edges.runfolder.archive import write_archive
from flowdrill.edges.runfolder.run_files import SUMS, FolderFiles
from flowdrill.edges.signing.keys import read_public_key, write_key_pair
from flowdrill.edges.terminal.lines import visible
from flowdrill.errors import SigningError
from flowdrill.history import sealing, verifying
from flowdrill.history.run_reports import read_report
from flowdrill.report.verification_text import render_verification, render_verification_json

_SAFE = re.compile(r"[^A-Za-z0-9._-]")


def verify(options: argparse.Namespace) -> ExitCode:
    """Say whether a run is what was written: a change is a finding, and what is not signed is not known."""
    key = None if options.key is None else read_public_key(options.key)
    found = verifying.verify(options.run, key)
    print(render_verification_json(found) if options.json else visible(render_verification(found)), end="")
    if found.problems:
        return ExitCode.FAIL
    return ExitCode.PASS if found.proven else ExitCode.INCONCLUSIVE


def attest(options: argparse.Namespace) -> ExitCode:
    """Sign a run that is there."""
    key = sealing.take_signing_key(options.key, os.environ)
    if key is None:
        raise SigningError("no key to sign with", f"name one with --key, or in {sealing.KEY_VARIABLE}")
    if not options.anew:
        sealing.check_digests(options.run_folder)
    sealing.seal(options.run_folder, read_report(options.run_folder).result, key)
    said = {"run": str(options.run_folder), "key_id": key.id}
    print(json.dumps(said) if options.json else visible(f"{options.run_folder}: signed with the key {key.id}"))
    return ExitCode.PASS


def archive(options: argparse.Namespace) -> ExitCode:
    """Put a run into one file."""
    files = FolderFiles(options.run_folder)
    root = _SAFE.sub("_", options.run_folder.resolve().name).lstrip(".") or "run"
    path: Path = options.out or Path(f"{root}.zip")
    write_archive(files, root, path)
    if SUMS not in files.names:
        tell(f"flowdrill: {visible(str(options.run_folder))} has no {SUMS}: nothing in the archive shows a change")
    print(visible(str(path)))
    return ExitCode.PASS


def new_key(options: argparse.Namespace) -> ExitCode:
    """Make a pair of keys."""
    private: Path = options.out
    public = private.with_name(f"{private.name}.pub")
    key_id = write_key_pair(private, public)
    if options.json:
        print(json.dumps({"private": str(private), "public": str(public), "key_id": key_id}))
    else:
        print(visible(f"private key: {private} (keep it secret)\npublic key:  {public}\nkey id:      {key_id}"))
    return ExitCode.PASS
