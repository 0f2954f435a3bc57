"""The resources the API serves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]  # a Kubernetes object. One that came out of the store is shared: copy it before you change it.

_ALL = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


@dataclass(frozen=True, slots=True)
class ResourceType:
    """One resource. `group` is "" for the core group; `kept` is False for requests that are only answered (reviews)."""

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool = True
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    has_status: bool = False  # /status, and a spec that counts metadata.generation
    has_scale: bool = False
    verbs: tuple[str, ...] = _ALL
    kept: bool = True

    @property
    def api_version(self) -> str:
        """`v1`, `apps/v1`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def full_name(self) -> str:
        """`pods`, `deployments.apps`: as error messages and RBAC name it."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def own_kind(self) -> str:
        """The kind of what is built in; "" for custom resources, whose kinds may have the same names."""
        return self.kind if self.group in BUILT_IN_GROUPS else ""

    @property
    def singular(self) -> str:
        """`deployment`."""
        return self.kind.lower()


_ALL_CATEGORY = ("all",)
_REVIEW = ("create",)
_RBAC, _AUTHZ, _AUTHN = "rbac.authorization.k8s.io", "authorization.k8s.io", "authentication.k8s.io"
_ADMISSION = "admissionregistration.k8s.io"

_ONE_BY_ONE = tuple(verb for verb in _ALL if verb != "deletecollection")
NAMESPACES = ResourceType("", "v1", "Namespace", "namespaces", False, ("ns",), has_status=True, verbs=_ONE_BY_ONE)
NODES = ResourceType("", "v1", "Node", "nodes", False, ("no",), has_status=True)
PODS = ResourceType("", "v1", "Pod", "pods", True, ("po",), _ALL_CATEGORY, has_status=True)
SERVICES = ResourceType("", "v1", "Service", "services", True, ("svc",), _ALL_CATEGORY, has_status=True)
ENDPOINTS = ResourceType("", "v1", "Endpoints", "endpoints", True, ("ep",))
CONFIG_MAPS = ResourceType("", "v1", "ConfigMap", "configmaps", True, ("cm",))
SECRETS = ResourceType("", "v1", "Secret", "secrets")
SERVICE_ACCOUNTS = ResourceType("", "v1", "ServiceAccount", "serviceaccounts", True, ("sa",))
PERSISTENT_VOLUME_CLAIMS = ResourceType(
    "", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", True, ("pvc",), has_status=True
)
EVENTS = ResourceType("", "v1", "Event", "events", True, ("ev",))
DEPLOYMENTS = ResourceType(
    "apps", "v1", "Deployment", "deployments", True, ("deploy",), _ALL_CATEGORY, has_status=True, has_scale=True
)
REPLICA_SETS = ResourceType(
    "apps", "v1", "ReplicaSet", "replicasets", True, ("rs",), _ALL_CATEGORY, has_status=True, has_scale=True
)
STATEFUL_SETS = ResourceType(
    "apps", "v1", "StatefulSet", "statefulsets", True, ("sts",), _ALL_CATEGORY, has_status=True, has_scale=True
)
CONTROLLER_REVISIONS = ResourceType("apps", "v1", "ControllerRevision", "controllerrevisions")
ENDPOINT_SLICES = ResourceType("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices")
RESOURCE_QUOTAS = ResourceType("", "v1", "ResourceQuota", "resourcequotas", True, ("quota",), has_status=True)
LIMIT_RANGES = ResourceType("", "v1", "LimitRange", "limitranges", True, ("limits",))
# Read as on any cluster, and kept; nothing here scales by the one or evicts by the other.
HORIZONTAL_POD_AUTOSCALERS = ResourceType(
    "autoscaling", "v1", "HorizontalPodAutoscaler", "horizontalpodautoscalers", True, ("hpa",), _ALL_CATEGORY,
    has_status=True,
)  # fmt: skip
POD_DISRUPTION_BUDGETS = ResourceType(
    "policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", True, ("pdb",), has_status=True
)
LEASES = ResourceType("coordination.k8s.io", "v1", "Lease", "leases")
ROLES = ResourceType(_RBAC, "v1", "Role", "roles")
ROLE_BINDINGS = ResourceType(_RBAC, "v1", "RoleBinding", "rolebindings")
CLUSTER_ROLES = ResourceType(_RBAC, "v1", "ClusterRole", "clusterroles", False)
CLUSTER_ROLE_BINDINGS = ResourceType(_RBAC, "v1", "ClusterRoleBinding", "clusterrolebindings", False)
CUSTOM_RESOURCE_DEFINITIONS = ResourceType(
    "apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", False,
    ("crd", "crds"), has_status=True,
)  # fmt: skip
VALIDATING_WEBHOOKS = ResourceType(
    _ADMISSION, "v1", "ValidatingWebhookConfiguration", "validatingwebhookconfigurations", False
)
MUTATING_WEBHOOKS = ResourceType(
    _ADMISSION, "v1", "MutatingWebhookConfiguration", "mutatingwebhookconfigurations", False
)
SUBJECT_ACCESS_REVIEWS = ResourceType(
    _AUTHZ, "v1", "SubjectAccessReview", "subjectaccessreviews", False, verbs=_REVIEW, kept=False
)
LOCAL_SUBJECT_ACCESS_REVIEWS = ResourceType(
    _AUTHZ, "v1", "LocalSubjectAccessReview", "localsubjectaccessreviews", verbs=_REVIEW, kept=False
)
SELF_SUBJECT_ACCESS_REVIEWS = ResourceType(
    _AUTHZ, "v1", "SelfSubjectAccessReview", "selfsubjectaccessreviews", False, verbs=_REVIEW, kept=False
)
SELF_SUBJECT_RULES_REVIEWS = ResourceType(
    _AUTHZ, "v1", "SelfSubjectRulesReview", "selfsubjectrulesreviews", False, verbs=_REVIEW, kept=False
)
SELF_SUBJECT_REVIEWS = ResourceType(
    _AUTHN, "v1", "SelfSubjectReview", "selfsubjectreviews", False, verbs=_REVIEW, kept=False
)
TOKEN_REVIEWS = ResourceType(_AUTHN, "v1", "TokenReview", "tokenreviews", False, verbs=_REVIEW, kept=False)

BUILT_IN: tuple[ResourceType, ...] = (
    NAMESPACES, NODES, PODS, SERVICES, ENDPOINTS, CONFIG_MAPS, SECRETS, SERVICE_ACCOUNTS, PERSISTENT_VOLUME_CLAIMS,
    EVENTS, RESOURCE_QUOTAS, LIMIT_RANGES,
    DEPLOYMENTS, REPLICA_SETS, STATEFUL_SETS, CONTROLLER_REVISIONS, ENDPOINT_SLICES, LEASES,
    HORIZONTAL_POD_AUTOSCALERS, POD_DISRUPTION_BUDGETS,
    ROLES, ROLE_BINDINGS, CLUSTER_ROLES, CLUSTER_ROLE_BINDINGS, CUSTOM_RESOURCE_DEFINITIONS,
    VALIDATING_WEBHOOKS, MUTATING_WEBHOOKS,
    SUBJECT_ACCESS_REVIEWS, LOCAL_SUBJECT_ACCESS_REVIEWS, SELF_SUBJECT_ACCESS_REVIEWS, SELF_SUBJECT_RULES_REVIEWS,
    SELF_SUBJECT_REVIEWS, TOKEN_REVIEWS,
)  # fmt: skip
BUILT_IN_GROUPS = frozenset(one.group for one in BUILT_IN)


class ResourceTypes:
    """What is served now: the built-in resources and, by and by, custom ones."""

    def __init__(self) -> None:
        self._served = {(t.group, t.version, t.plural): t for t in BUILT_IN}

    def all(self) -> tuple[ResourceType, ...]:
        """Return every resource, the built-in ones first."""
        return tuple(self._served.values())

    def find(self, group: str, version: str, plural: str) -> ResourceType | None:
        """Return the resource at a path, or None."""
        return self._served.get((group, version, plural))

    def of_kind(self, api_version: str, kind: str) -> ResourceType | None:
        """Return the resource whose objects say this apiVersion and kind, or None."""
        return next((t for t in self._served.values() if t.api_version == api_version and t.kind == kind), None)

    def add(self, resource: ResourceType) -> None:
        """Serve a custom resource from now on."""
        self._served[resource.group, resource.version, resource.plural] = resource

    def remove(self, resource: ResourceType) -> None:
        """Serve a custom resource no more."""
        self._served.pop((resource.group, resource.version, resource.plural), None)
