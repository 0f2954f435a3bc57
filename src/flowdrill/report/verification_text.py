"""What `flowdrill verify` says, as text and as JSON: no more than is proven."""

from __future__ import annotations

import json

from flowdrill.model.verification import Signature, Verification


def render_verification(found: Verification) -> str:
    """Return it as text."""
    said = [f"{found.run}: {_verdict(found)}"]
    said += [f"  {problem}" for problem in found.problems]
    said += [f"  {chain}" for chain in found.chains]
    return "\n".join(said) + "\n"


def render_verification_json(found: Verification) -> str:
    """Return it as JSON."""
    facts = {
        "run": found.run,
        "result": "changed" if found.problems else "verified" if found.proven else "not proven",
        "first_problem": found.problems[0] if found.problems else None,
        "problems": list(found.problems),
        "signature": found.signature.value,
        "key_id": found.key_id,
        "digests": found.digests,
        "events": list(found.chains),
        "says": _verdict(found),
    }
    return json.dumps(facts, indent=2) + "\n"


def _verdict(found: Verification) -> str:
    if found.problems:
        return (
            f"NOT VERIFIED: {len(found.problems)} that does not match"
            if len(found.problems) == 1
            else (f"NOT VERIFIED: {len(found.problems)} that do not match")
        )
    if found.signature is Signature.GOOD:
        return f"VERIFIED: every file is as it was signed with the key {found.key_id}"
    if found.signature is Signature.NOT_CHECKED:
        return (
            f"NOT PROVEN: every file is as its attestation says, and the signature was not checked: name the public "
            f"key with --key (it says to be {found.key_id})"
        )
    if found.digests:
        return (
            "NOT PROVEN: every file is as SHA256SUMS says, and nobody has signed that: it shows accidents, and not "
            "somebody who has made the list anew"
        )
    return "NOT PROVEN: there are no digests of its files: only the chain of its events was looked at"
