"""The commands about evidence: is a run what was written, and who says so?"""

from __future__ import annotations

import argparse
from pathlib import Path

from flowdrill.cli.parts import Commands, add_store_options, later

_VERIFY_EXIT_CODES = """exit codes:
  0  every file is as it was signed with the key given by --key
  1  something was changed, added or removed, or is not signed with that key: the first one is named
  2  error: no run, one of a newer version, or a key that is none
  3  nothing was found to be changed, and it is not proven: no key was given, or nobody has signed
"""


def add_evidence(commands: Commands) -> None:
    """Add them."""
    verify = commands.add_parser(
        "verify",
        help="is a run, or an archive of one, what was written and signed? Works offline",
        epilog=_VERIFY_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verify.add_argument("run", type=Path, metavar="RUN|ARCHIVE")
    verify.add_argument("--key", type=Path, metavar="FILE", help="the public key of whoever must have signed it")
    verify.set_defaults(call=later("evidence", "verify"))
    attest = commands.add_parser("attest", help="sign a run that is there: the attestation of its files")
    attest.add_argument("run_folder", type=Path, metavar="RUN_FOLDER")
    attest.add_argument("--key", type=Path, metavar="FILE", help="the private key; default: $FLOWDRILL_SIGNING_KEY")
    attest.add_argument(
        "--anew", action="store_true", help="also where files are no longer what SHA256SUMS says: it is written anew"
    )
    attest.set_defaults(call=later("evidence", "attest"))
    archive = commands.add_parser("archive", help="put a run into one file: the same bytes for the same run")
    archive.add_argument("run_folder", type=Path, metavar="RUN_FOLDER")
    archive.add_argument("--out", type=Path, metavar="FILE.zip", help="default: the run's name, here")
    archive.set_defaults(call=later("evidence", "archive"))
    _add_stores(commands)
    key = commands.add_parser("key", help="keys to sign runs with")
    kinds = key.add_subparsers(title="commands", required=True, metavar="COMMAND")
    new = kinds.add_parser("new", help="make an Ed25519 pair: FILE (readable by you alone) and FILE.pub")
    new.add_argument(
        "--out", type=Path, default=Path("flowdrill-signing-key.pem"), metavar="FILE", help="default: %(default)s"
    )
    new.set_defaults(call=later("evidence", "new_key"))
    for command in (verify, attest, new):
        command.add_argument("--json", action="store_true", help="print the answer as JSON")


def _add_stores(commands: Commands) -> None:
    push = commands.add_parser(
        "push", help="push a run's archive and reports beside its stable image, or into another store of evidence"
    )
    push.add_argument("run_folder", type=Path, metavar="RUN_FOLDER")
    push.add_argument(
        "--to",
        metavar="STORE",
        help="s3://BUCKET/PREFIX, or oci://REPOSITORY; default: the registry of the stable image, beside it",
    )
    push.add_argument("--report-only", action="store_true", help="without the archive, which holds all of the evidence")
    push.set_defaults(call=later("pushes", "push"))
    listed = commands.add_parser(
        "evidence",
        help="list the runs of a store of evidence: a folder, a registry, S3-compatible storage",
        epilog="exit codes:\n  0  there are some\n  1  there are none\n  2  error: it could not be looked at\n",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    listed.add_argument("store", metavar="STORE", help="DIR, s3://BUCKET/PREFIX, or oci://IMAGE")
    listed.add_argument("--image", metavar="DIGEST", help="those of this stable image alone")
    listed.add_argument("--pull", metavar="NAME", help="bring one of them here, as an archive for `flowdrill verify`")
    listed.add_argument("--out", type=Path, metavar="FILE.zip", help="with --pull; default: its name, here")
    listed.set_defaults(call=later("pushes", "evidence"))
    for command in (push, listed):
        add_store_options(command)
        command.add_argument("--json", action="store_true", help="print the answer as JSON")
