"""One change of the workload, as the API server's audit log has it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AuditedChange:
    """A request that the API server has accepted. Texts are other people's, made printable."""

    user: str  # who logged in
    impersonated: str | None  # whom they acted as
    agent: str | None  # the program, as it calls itself
    verb: str  # patch, update …
    received_utc_ns: int | None  # by the API server's clock

    @property
    def who(self) -> str:
        """The identity whose rights counted, and who used it where that is somebody else."""
        return self.user if self.impersonated is None else f"{self.impersonated} (as which {self.user} acted)"
