"""The errors a user can meet: one root, a few leaves, each with what went wrong, where, and what to do next."""


class FlowdrillError(Exception):
    """Something a user can mend. Printed as one message, never as a traceback; exit code 2.

    `problem` says what is wrong and where (file and key, or object); `remedy` says what to do next.
    """

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}\n  -> {remedy}")
        self.problem = problem
        self.remedy = remedy


class PlanError(FlowdrillError):
    """A drill, scenario or flow file, or an argument, cannot be used as written."""


class ClusterError(FlowdrillError):
    """The Kubernetes API refused, lacks something, or cannot be reached."""


class TargetMissingError(ClusterError):
    """The cluster has no such namespace, or no such workload in it."""


class ForbiddenError(ClusterError):
    """An identity lacks a permission on the cluster."""


class ClusterAwayError(ClusterError):
    """The API server gave no answer that says anything, also after several tries: unreachable, or too busy."""


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


class LoadError(FlowdrillError):
    """Locust could not be started or ended before it should have."""


class RunFolderError(FlowdrillError):
    """A run folder is missing, incomplete, damaged, or from a newer version."""


class LedgerError(FlowdrillError):
    """The ledger of verified images cannot be read, or nothing can be added to it."""


class BrokenLedgerError(LedgerError):
    """An entry of the ledger is none, or the chain is broken at it: nothing in it can be relied on from there on."""

    def __init__(self, problem: str, remedy: str, *, entry: int) -> None:
        super().__init__(problem, remedy)
        self.entry = entry  # the first bad one, from 1; entry N is on line N


class DrillRefusedError(FlowdrillError):
    """Preflight found that the drill must not start. Nothing was changed."""


class NotRestoredError(FlowdrillError):
    """The workload is not as it was before the drill; the remedy is the command that puts it back."""


class TakenOverError(FlowdrillError):
    """Somebody else changed the workload during the drill. Nothing of theirs is overwritten."""
