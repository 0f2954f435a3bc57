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


class ForbiddenError(ClusterError):
    """An identity lacks a permission on the cluster."""


class RegistryError(FlowdrillError):
    """The image registry refused, lacks something, or cannot be reached."""


class ImageMissingError(RegistryError):
    """The registry does not hold a manifest or blob that was asked for."""


class ScannerError(FlowdrillError):
    """The vulnerability scanner is not there, failed, or took too long: nothing is known of the image."""


class LoadError(FlowdrillError):
    """Locust could not be started or ended before it should have."""


class RunFolderError(FlowdrillError):
    """A run folder is missing, incomplete, damaged, or from a newer version."""


class DrillRefusedError(FlowdrillError):
    """Preflight found that the drill must not start. Nothing was changed."""


class NotRestoredError(FlowdrillError):
    """The workload is not as it was before the drill; the remedy is the command that puts it back."""


class TakenOverError(FlowdrillError):
    """Somebody else changed the workload during the drill. Nothing of theirs is overwritten."""
