"""`load` in a drill: what is sent, where, how often, and by whom."""

from __future__ import annotations

import re
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from flowdrill.model.load_frames import MOST_WORKERS
from flowdrill.model.load_pods_plan import InClusterLoad
from flowdrill.model.load_settings import MAX_IN_FLIGHT, MOST_PER_SECOND
from flowdrill.model.quantity import Seconds
from flowdrill.model.route import Route
from flowdrill.model.strict import Strict
from flowdrill.model.url_template import example_of

_URL = r"^https?://[^/\s?#@]+(/[^\s?#]*)?$"  # for editors; what is wrong with a URL is said by `LoadPlan`


class LoadPlan(Strict):
    """The requests users would send, at a fixed rate, whether or not earlier ones came back."""

    url: str = Field(
        json_schema_extra={"pattern": _URL},
        description="the service, as its users reach it; {namespace} and {name} are the workload's",
    )
    route: Route
    flow: str = Field(pattern=r"^[\w.-]+$", description="the flow's id, or its endpoint name for langflow-run")
    input: str = "hello"
    expect: str = Field(min_length=1, description="text that every good answer contains")
    api_key_from: str | None = Field(
        default=None, pattern=r"^[A-Za-z_]\w*$", description="environment variable that holds the API key"
    )
    requests_per_second: float = Field(gt=0, description=f"at most {MOST_PER_SECOND} for each process that sends them")
    workers: int | None = Field(
        default=None,
        ge=1,
        le=MOST_WORKERS,
        description="Locust workers that share the load and keep bins instead of records; absent: one process that "
        "tells of each request",
    )
    latency_objective: Seconds = Field(default="2s", validate_default=True)
    timeout: Seconds = Field(default="30s", validate_default=True)
    requests_per_connection: int = Field(default=1, ge=1, description="1: every request may reach another replica")
    in_cluster: InClusterLoad | None = Field(
        default=None,
        description="on a named context, pods beside the target send the load, and `url` is the service as they reach "
        "it; default: processes beside the harness",
    )

    @field_validator("url")
    @classmethod
    def _base_of_all_requests(cls, written: str) -> str:
        text = example_of(written)
        # the text is in no message: a URL that is refused for its password must not be printed with it
        try:
            parts = urlsplit(text)
            usable = (80 if parts.port is None else parts.port) > 0 and not parts.netloc.endswith(":")
        except ValueError:
            usable = False
        if not usable or not parts.hostname or not text.startswith(("http://", "https://")) or re.search(r"\s", text):
            raise ValueError("needs http:// or https://, a host, and at most a port (1 to 65535) and a path")
        if "@" in parts.netloc:
            raise ValueError("must not hold a user or a password: api_key_from names the variable with the API key")
        if "?" in text or "#" in text:
            raise ValueError("must not have a query or a fragment: the route's path is put behind it")
        return written

    @model_validator(mode="after")
    def _times_fit(self) -> Self:
        if self.timeout < self.latency_objective:
            raise ValueError("timeout must not be shorter than latency_objective")
        each = self.requests_per_second / (self.workers or 1)
        of_each = "" if self.workers is None else " by one worker"
        if each > MOST_PER_SECOND:
            more = " or share them (load.workers)" if self.workers is None else " or name more workers"
            raise ValueError(
                f"requests_per_second: {each:g}{of_each}, and one process sends {MOST_PER_SECOND} at most: "
                f"name fewer{more}"
            )
        if each * self.timeout > MAX_IN_FLIGHT:
            raise ValueError(
                f"more than {MAX_IN_FLIGHT} requests could be open at once{of_each}: at {each:g} requests/s "
                f"the timeout can be at most {MAX_IN_FLIGHT / each:g}s"
            )
        return self

    @model_validator(mode="after")
    def _pods_can_send(self) -> Self:
        inside = self.in_cluster
        if inside is None:
            return self
        if self.workers is None:
            raise ValueError("in_cluster needs workers: how many pods share the load")
        if self.api_key_from is not None and inside.api_key is None:
            raise ValueError(
                "api_key_from needs in_cluster.api_key: the Secret that the pods have the key from, as "
                "`api_key: {secret: NAME, key: KEY}`; what is exported here does not reach them"
            )
        if inside.api_key is not None and self.api_key_from is None:
            raise ValueError("in_cluster.api_key needs api_key_from: the variable by which the pods are given the key")
        return self
