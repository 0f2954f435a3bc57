"""Where an experiment's drill is found: in its configuration, which every run of an experiment has for itself."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any

from chaoslib.exceptions import ActivityFailed

from flowdrill.chaos.session import Session

SESSION, GUARDED = "flowdrill_session", "flowdrill_guarded"  # keys of a configuration


def session_of(configuration: Mapping[str, Any] | None) -> Session:
    """Return the drill of the experiment whose configuration this is; ActivityFailed when it has none."""
    session = (configuration or {}).get(SESSION)
    if not isinstance(session, Session):
        raise ActivityFailed(
            "no drill is open: list the control flowdrill.chaos.controls.record_timeline, with its drill, first in the "
            "experiment's controls"
        )
    return session


def known_session(configuration: Mapping[str, Any] | None) -> Session | None:
    """Return it, or None."""
    session = (configuration or {}).get(SESSION)
    return session if isinstance(session, Session) else None


def put_session(configuration: MutableMapping[str, Any], session: Session) -> None:
    """Make it the experiment's drill."""
    configuration[SESSION] = session
