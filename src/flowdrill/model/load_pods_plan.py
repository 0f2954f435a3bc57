"""`load.in_cluster` in a drill: Locust's master and workers as pods beside the target."""

from __future__ import annotations

from pydantic import Field

from flowdrill.model.strict import Strict

_NAME = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"


class ApiKeySecret(Strict):
    """A Secret of the target's namespace that holds the service's API key. It is there before the drill, and flowdrill
    reads it at no time: the kubelet gives it to the workers alone."""

    secret: str = Field(pattern=_NAME, max_length=253)
    key: str = Field(pattern=r"^[-._a-zA-Z0-9]+$", max_length=253)


class InClusterLoad(Strict):
    """Where the load comes from on a named context: Jobs in the target's namespace. `load.url` is then the service as
    their pods reach it. On the embedded cluster the workers are processes of this machine, whatever is said here."""

    image: str = Field(min_length=1, pattern=r"^\S+$", description="an image that has flowdrill in it")
    api_key: ApiKeySecret | None = Field(
        default=None, description="needed with load.api_key_from: where the workers have the API key from"
    )
