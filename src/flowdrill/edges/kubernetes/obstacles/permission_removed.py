"""The RoleBindings that let the responder patch the workload, deleted: whoever is on call has lost that right."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Iterable, Mapping
from typing import Any

from flowdrill.analysis.access_needs import patch_question
from flowdrill.edges.kubernetes.access_reviews import own_answers
from flowdrill.edges.kubernetes.api import Api, Json
from flowdrill.edges.kubernetes.refusals import AnswerError, printable
from flowdrill.edges.kubernetes.target import FoundTarget
from flowdrill.errors import ForbiddenError, ObstacleError
from flowdrill.model.access import AccessAnswer, AccessQuestion, Subject
from flowdrill.model.drill import Target
from flowdrill.model.json_shapes import as_mappings, inside
from flowdrill.model.obstacle import ObstacleLook, ObstacleScene
from flowdrill.model.obstacle_plan import ObstacleKind
from flowdrill.model.status import Status

_RBAC = "/apis/rbac.authorization.k8s.io/v1"
_LARGEST = 60_000  # characters of all bindings together: the undo must fit on a Lease
_WAIT_SECONDS, _PAUSE_SECONDS = 15.0, 0.1  # authorizers see a change a moment later


class PermissionRemoved:
    """The `Obstacle` of an on-call identity that may no longer patch. Whoever else a RoleBinding is for loses it, too,
    until it is put back with the same name, labels, annotations, role and subjects."""

    name = ObstacleKind.PERMISSION_REMOVED.value

    def __init__(self, api: Api, as_responder: Api, target: FoundTarget, subject: Subject) -> None:
        self._api, self._as_responder, self._target, self._subject = api, as_responder, target, subject
        self._bindings: list[Json] = []
        self._question = patch_question(Target(namespace=target.namespace, workload=target.label))

    def look(self, scene: ObstacleScene) -> ObstacleLook:
        """Find the RoleBindings; see that nothing else gives the right, and that they can be put back."""
        answer = own_answers(self._as_responder, (self._question,))[0]
        if not answer.allowed:
            return _cannot(
                f"{self._subject.user} must not patch {self._target.label} as it is: there is nothing to remove"
            )
        if answer.granted_by and not answer.granted_by.startswith("RoleBinding "):
            return _cannot(
                f"{self._subject.user} may patch by {answer.granted_by}: no RoleBinding of the namespace",
                "only RoleBindings are removed: let one give the right, and nothing that is for every namespace",
            )
        self._bindings = [_kept(one) for one in self._api.items(self._path) if self._gives_it(one)]
        if not self._bindings:
            return _cannot(f"no RoleBinding was found that lets {self._subject.user} patch {self._target.label}")
        names = ", ".join(printable(str(one["metadata"]["name"])) for one in self._bindings)
        undo = [self._by_hand(one) for one in self._bindings]
        if sum(map(len, undo)) > _LARGEST:
            return _cannot(f"the RoleBindings {names} are too large to be written down before they are deleted")
        own = self._harness_depends()
        if own is not None:
            return _cannot(own, "give the harness its rights by a RoleBinding of its own")
        for one in self._bindings:
            self._try_again(one, scene.run_id)
        return ObstacleLook(
            Status.PASS,
            f"RoleBinding {names}",
            "whoever else they are for loses them, too",
            tuple(undo),
            {"bindings": self._bindings},
        )

    def put(self) -> str:
        """Delete them, and wait until the right is gone; ObstacleError when it is not."""
        for one in self._there():
            self._api.delete(f"{self._path}/{one['metadata']['name']}", one["metadata"]["uid"])
        deadline = time.monotonic() + _WAIT_SECONDS
        while (answer := own_answers(self._as_responder, (self._question,))[0]).allowed is not False:
            if time.monotonic() >= deadline:
                why = answer.granted_by or "nobody says by what"
                raise ObstacleError(
                    f"{self._subject.user} may still patch {self._target.label}: {why}",
                    "find out what else gives the right: only RoleBindings of the namespace are removed",
                )
            time.sleep(_PAUSE_SECONDS)
        names = ", ".join(str(one["metadata"]["name"]) for one in self._bindings)
        return (
            f"RoleBinding {printable(names)} of {self._target.namespace} deleted: {self._subject.user} must not patch"
        )

    def recall(self, memory: Mapping[str, Any]) -> None:
        """Know what was deleted."""
        bindings = as_mappings(memory.get("bindings"))
        if not all(one.get("kind") == "RoleBinding" and inside(one, "metadata").get("name") for one in bindings):
            raise ValueError("what is to be put back is no RoleBinding")
        self._bindings = bindings

    def take_away(self) -> str | None:
        """Put them back; return which are still missing, or None."""
        there = {one["metadata"]["name"] for one in self._there()}
        for one in self._bindings:
            if one["metadata"]["name"] in there:
                continue
            try:
                self._api.create(self._path, one)
            except AnswerError as error:
                if error.status != 409:  # somebody else has put it back, or an answer was lost
                    raise
        there = {one["metadata"]["name"] for one in self._there()}
        missing = [str(one["metadata"]["name"]) for one in self._bindings if one["metadata"]["name"] not in there]
        return f"RoleBinding {printable(', '.join(missing))} is not back yet" if missing else None

    def evidence(self) -> tuple[tuple[str, str, str], ...]:
        """Return what was deleted, and put back."""
        text = json.dumps(self._bindings, indent=2) + "\n"
        return (("obstacle-permission-removed.json", "the RoleBindings that were deleted and put back", text),)

    @property
    def _path(self) -> str:
        return f"{_RBAC}/namespaces/{self._target.namespace}/rolebindings"

    def _there(self) -> list[Json]:
        names = {one["metadata"]["name"] for one in self._bindings}
        return [one for one in self._api.items(self._path) if one["metadata"]["name"] in names]

    def _gives_it(self, binding: Json) -> bool:
        if not any(_is(one, self._subject, self._target.namespace) for one in binding.get("subjects") or ()):
            return False
        return any(_covers(rule, self._question) for rule in self._rules(binding["roleRef"]))

    def _rules(self, role: Json) -> list[Json]:
        kind = "clusterroles" if role["kind"] == "ClusterRole" else f"namespaces/{self._target.namespace}/roles"
        try:
            return list(self._api.get(f"{_RBAC}/{kind}/{role['name']}").get("rules") or ())
        except AnswerError as error:
            if error.status != 404:
                raise
            return []

    def _harness_depends(self) -> str | None:
        """What the harness itself could no longer do without them, or None."""
        create = AccessQuestion("create", "rbac.authorization.k8s.io", "rolebindings", "", self._target.namespace)
        names = [f'RoleBinding "{one["metadata"]["name"]}/' for one in self._bindings]
        for answer in own_answers(self._api, (self._question, create)):
            if any(answer.granted_by.startswith(name) for name in names):
                return f"the harness itself may {_words(answer)} only by {answer.granted_by}: it could not put it back"
        return None

    def _try_again(self, binding: Json, run_id: str) -> None:
        """Make it under another name as a dry run: an API server lets nobody give what they do not have."""
        meta = {**binding["metadata"], "name": f"flowdrill-dry-run-{run_id[-6:].lower()}"}
        try:
            self._api.create(self._path, {**binding, "metadata": meta}, dry_run=True)
        except (AnswerError, ForbiddenError) as error:
            role = f"{binding['roleRef']['kind'].lower()} {binding['roleRef']['name']}"
            raise ObstacleError(
                printable(f"RoleBinding {binding['metadata']['name']} could not be put back: {error.problem}"),
                printable(f"let the harness `bind` {role}, or give it all that this role grants"),
            ) from error

    def _by_hand(self, binding: Json) -> str:
        apply = shlex.join(["kubectl", "-n", self._target.namespace, "apply", "-f", "-"])
        return f"printf %s {shlex.quote(json.dumps(binding))} | {apply}"


def _cannot(
    problem: str, remedy: str = "name in `rollback.as` who may patch the workload by a RoleBinding"
) -> ObstacleLook:
    return ObstacleLook(Status.FAIL, problem, remedy)


def _words(answer: AccessAnswer) -> str:
    return f"{answer.question.verb} {answer.question.full_resource}"


def _kept(binding: Json) -> Json:
    """What of it is put back: all that people write."""
    meta = {key: binding["metadata"][key] for key in ("name", "labels", "annotations") if binding["metadata"].get(key)}
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": meta,
        "roleRef": binding["roleRef"],
        "subjects": binding.get("subjects") or [],
    }


def _is(subject: Json, who: Subject, namespace: str) -> bool:
    """Whether a binding's subject is the responder, or a group that it is in."""
    account, name = who.service_account, subject.get("name")
    match subject.get("kind"):
        case "ServiceAccount":
            return account == (subject.get("namespace") or namespace, name)
        case "User":
            return bool(name == who.user)
        case "Group":
            own = ("system:serviceaccounts", f"system:serviceaccounts:{account[0]}") if account else ()
            return name in (*who.groups, *own, "system:authenticated")
    return False


def _covers(rule: Json, asked: AccessQuestion) -> bool:
    names = rule.get("resourceNames") or ()
    return (
        _among(asked.verb, rule.get("verbs"))
        and _among(asked.group, rule.get("apiGroups"))
        and _among(asked.resource, rule.get("resources"))
        and (not names or asked.name in names)
    )


def _among(one: str, listed: Iterable[str] | None) -> bool:
    return bool({one, "*"} & set(listed or ()))
