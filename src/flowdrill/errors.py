"""The errors a user can meet: one root, a few leaves, each with what went wrong, where, and what to do next."""

from __future__ import annotations

from typing import Any


class FlowdrillError(Exception):
    """Something a user can mend. Printed as one message, never as a traceback; exit code 2.

    `problem` says what is wrong and where (file and key, or object); `remedy` says what to do next.
    """

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}\n  -> {remedy}")
        self.problem = problem
        self.remedy = remedy

    def __reduce__(self) -> tuple[Any, ...]:
        """Errors go from a drill's process to the one that has started it."""
        return _again, (type(self), self.problem, self.remedy), self.__dict__


def _again(kind: type[FlowdrillError], problem: str, remedy: str) -> FlowdrillError:
    made = kind.__new__(kind)
    FlowdrillError.__init__(made, problem, remedy)
    return made


class PlanError(FlowdrillError):
    """A drill, scenario or flow file, or an argument, cannot be used as written."""


class ClusterError(FlowdrillError):
    """The Kubernetes API refused, lacks something, or cannot be reached."""


class TargetMissingError(ClusterError):
    """The cluster has no such namespace, or no such workload in it."""


class ForbiddenError(ClusterError):
    """An identity lacks a permission on the cluster."""


class UndoRefusedError(ClusterError):
    """A workload cannot be taken back to a revision: it is not kept, is not what it was, or rollouts are paused."""


class ClusterAwayError(ClusterError):
    """The API server gave no answer that says anything, also after several tries: unreachable, or too busy."""


class FencedError(ClusterAwayError):
    """This process must not write to the cluster now: it may no longer hold the drill's Lease. Nobody has refused
    anything."""


class RegistryError(FlowdrillError):
    """The image registry refused, lacks something, or cannot be reached."""


class ImageMissingError(RegistryError):
    """The registry does not hold a manifest or blob that was asked for."""


class ImageIncompleteError(ImageMissingError):
    """The registry holds an image's manifest, and not all that it names."""


class ContentDamagedError(RegistryError):
    """The registry's content is not what its digest says."""


class LoginRefusedError(RegistryError):
    """The registry, or its token server, does not let these credentials do this."""


class RegistryAwayError(RegistryError):
    """The registry gave no answer that says anything, also after several tries: unreachable, busy or failing."""


class RegistryBusyError(RegistryAwayError):
    """The registry answered that it is busy or failing, also after several tries."""


class ScannerError(FlowdrillError):
    """The vulnerability scanner is not there, failed, or took too long: nothing is known of the image."""


class AlertSourceError(FlowdrillError):
    """Prometheus or Alertmanager refused, or answers with something else than its API's."""


class AlertSourceAwayError(AlertSourceError):
    """Prometheus or Alertmanager gave no answer that says anything: unreachable, too slow, or too busy."""


class QueryRefusedError(AlertSourceError):
    """Prometheus does not take a query: `problem` is what it says."""


class LoadError(FlowdrillError):
    """Locust could not be started or ended before it should have."""


class RunFolderError(FlowdrillError):
    """A run folder is missing, incomplete, damaged, or from a newer version."""


class StoreError(FlowdrillError):
    """A store of evidence cannot be used as it is named, cannot be reached, or refuses."""


class SiteError(FlowdrillError):
    """A site cannot be made from what was named, or not be written where it was to be."""


class PoolingError(FlowdrillError):
    """Recorded runs cannot be counted together."""


class SigningError(FlowdrillError):
    """A key cannot be read, written or used."""


class WebhookError(FlowdrillError):
    """A webhook cannot be used, or has not taken a run's summary. The run is what it is."""


class MetricsError(FlowdrillError):
    """A run's metrics were not taken, or could not be written. The run is what it is."""


class NoDrillError(FlowdrillError):
    """No drill is in progress where one was to be told something, or it no longer takes anything."""


class LedgerError(FlowdrillError):
    """The ledger of verified images cannot be read, or nothing can be added to it."""


class BrokenLedgerError(LedgerError):
    """An entry of the ledger is none, or the chain is broken at it: nothing in it can be relied on from there on."""

    def __init__(self, problem: str, remedy: str, *, entry: int) -> None:
        super().__init__(problem, remedy)
        self.entry = entry  # the first bad one, from 1; entry N is on line N


class DrillRefusedError(FlowdrillError):
    """Preflight found that the drill must not start. Nothing was changed."""


class ObstacleError(FlowdrillError):
    """Something could not be put in the way of the rollback, as the drill wanted. Everything is put back."""


class ActivityError(FlowdrillError):
    """A Chaos Toolkit activity of the drill cannot be run."""


class NotRestoredError(FlowdrillError):
    """The workload is not as it was before the drill; the remedy is the command that puts it back."""


class TakenOverError(FlowdrillError):
    """Somebody else changed the workload during the drill. Nothing of theirs is overwritten."""


class GuardError(FlowdrillError):
    """The guard cannot be started, or did not get ready. Nothing was broken."""


class HarnessBackError(FlowdrillError):
    """The harness, which had fallen silent, keeps its Lease again: nobody needs to act in its place."""


class GuardActsError(FlowdrillError):
    """The guard has taken over and puts everything back: this run does nothing more."""


class NothingToRestoreError(FlowdrillError):
    """There is nothing to put back, or what would be put back cannot be trusted. Nothing was touched."""


class MissingPartError(FlowdrillError):
    """A part of flowdrill that is not installed by itself was asked for."""
