"""Whether an image can be pulled with a workload's pull secrets, and with nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from flowdrill.analysis.docker_auths import Credentials, pull_logins
from flowdrill.analysis.printable import printable
from flowdrill.edges.registry.examination import exists, health_of
from flowdrill.errors import LoginRefusedError, RegistryError
from flowdrill.model.image_health import Health, ImageHealth, Tier
from flowdrill.model.image_reference import ImageReference
from flowdrill.model.surroundings import PullSecret
from flowdrill.oci.client import RegistryClient
from flowdrill.oci.repository import Repository

_REMEDY = (
    "Make a secret with a login that may pull (kubectl create secret docker-registry … --docker-server={host}), and "
    "name it in imagePullSecrets of the pod or of its service account."
)


def pullable(reference: ImageReference, secrets: Sequence[PullSecret], client: RegistryClient) -> ImageHealth:
    """Return the image's health as the kubelet would find it: with each matching login of the secrets in turn, without
    a login only when none matches. The client's own credentials are never sent."""
    logins = pull_logins(secrets, reference)
    tries: list[tuple[str | None, Credentials | None]] = [(one.secret, one.credentials) for one in logins.matching]
    worst: ImageHealth | None = None
    for name, credentials in tries or [(None, None)]:
        found = _tried(reference, client.with_login(credentials), name)
        if found.health is Health.RETAINED:
            return found
        if worst is None or worst.health is Health.REFUSED:  # a refusal says least: another login may see more
            worst = found
    assert worst is not None  # noqa: S101 - there is at least one try
    if worst.health is Health.REFUSED and logins.problems:
        return replace(worst, problem=printable("; ".join((worst.problem, *logins.problems))))
    return worst


def _tried(reference: ImageReference, client: RegistryClient, name: str | None) -> ImageHealth:
    try:
        return exists(reference, Repository(client, reference.repository))
    except LoginRefusedError as error:
        host = reference.registry
        problem = f"{host} wants a login, and no pull secret has one for it"
        if name is not None:
            problem = f"{host} refuses the login of secret {name}: {error.problem}"
        return ImageHealth(reference, Tier.EXISTS, Health.REFUSED, printable(problem), _REMEDY.format(host=host))
    except RegistryError as error:
        return health_of(reference, Tier.EXISTS, error)
