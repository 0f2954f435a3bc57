"""The controllers that are not about workloads."""

from __future__ import annotations

from collections.abc import Callable

from flowdrill.cluster.api.objects import Objects
from flowdrill.cluster.controllers.claims import ClaimController
from flowdrill.cluster.controllers.disruption_budgets import DisruptionBudgetController
from flowdrill.cluster.controllers.endpoint_slices import EndpointSliceController
from flowdrill.cluster.controllers.endpoints import EndpointsController
from flowdrill.cluster.controllers.event_expiry import EventExpiry
from flowdrill.cluster.controllers.garbage_collection import GarbageCollector
from flowdrill.cluster.controllers.loop import Controller
from flowdrill.cluster.controllers.namespaces import NamespaceController
from flowdrill.cluster.controllers.quotas import QuotaController
from flowdrill.cluster.controllers.scheduling import SCHEDULER, Scheduler
from flowdrill.cluster.controllers.service_account_tokens import TokenController
from flowdrill.cluster.controllers.service_accounts import RootCertificateController, ServiceAccountController
from flowdrill.cluster.events import EventRecorder


def supporting_controllers(objects: Objects, issue: Callable[..., str], authority: str = "") -> tuple[Controller, ...]:
    """Return them all. `issue` makes the tokens of ServiceAccounts (see TokenController); `authority` is the API's
    certificate in PEM."""
    return (
        Scheduler(objects, EventRecorder(objects, SCHEDULER)),
        ClaimController(objects),
        DisruptionBudgetController(objects),
        EndpointsController(objects),
        EndpointSliceController(objects),
        GarbageCollector(objects),
        NamespaceController(objects),
        QuotaController(objects),
        ServiceAccountController(objects),
        RootCertificateController(objects, authority),
        TokenController(objects, issue, authority),
        EventExpiry(objects),
    )
