"""Who has set the image, by managedFields; and whether two templates are one."""

from __future__ import annotations

from typing import Any

import pytest

from flowdrill.edges.kubernetes.field_managers import image_set_by, template_digest
from flowdrill.model.workload import FieldManager


def entry(manager: str, at: str, container: str = "flow", **changes: Any) -> dict[str, Any]:
    containers = {f'k:{{"name":"{container}"}}': {".": {}, "f:image": {}}}
    fields = {"f:spec": {"f:template": {"f:spec": {"f:containers": containers}}}}
    return {"manager": manager, "operation": "Update", "time": at, "fieldsV1": fields} | changes


def test_the_owner_of_the_containers_image_is_found_and_of_several_the_newest() -> None:
    found = image_set_by(
        [
            entry("helm", "2026-01-01T00:00:00Z", operation="Apply"),
            entry("kubectl-set", "2026-01-02T00:00:00Z"),
            entry("proxy-updater", "2026-01-03T00:00:00Z", container="proxy"),
            entry("kube-controller-manager", "2026-01-04T00:00:00Z", subresource="status"),
        ],
        "flow",
    )
    assert found == FieldManager("kubectl-set", "Update", "2026-01-02T00:00:00Z")


@pytest.mark.parametrize(
    "managed",
    [
        None,
        [],
        "kubectl",
        [None, 7, {}],
        [{"manager": "a", "fieldsV1": {"f:spec": {"f:template": {"f:spec": {"f:containers": ["k:"]}}}}}],
        [
            {
                "manager": "a",
                "fieldsV1": {"f:spec": {"f:template": {"f:spec": {"f:containers": {"k:{": {"f:image": {}}}}}}},
            }
        ],
        [entry("a", "2026-01-01T00:00:00Z", container="other")],
    ],
)
def test_what_is_missing_or_malformed_names_nobody(managed: Any) -> None:
    assert image_set_by(managed, "flow") is None


def test_names_are_printable_and_cut() -> None:
    found = image_set_by([entry("\x1b[2J" + "x" * 500, "\x07", operation=5)], "flow")
    assert found is not None
    assert found.manager.isprintable()
    assert len(found.manager) <= 128
    assert found.operation == "Update"


def test_a_template_is_the_same_whatever_empty_metadata_a_server_writes() -> None:
    spec = {"containers": [{"name": "flow", "image": "a"}]}
    bare = template_digest({"metadata": {"labels": {"app": "a"}}, "spec": spec})
    full = {"metadata": {"creationTimestamp": None, "labels": {"app": "a"}, "annotations": {}}, "spec": spec}
    assert template_digest(full) == bare
    assert template_digest({"metadata": {"labels": {"app": "b"}}, "spec": spec}) != bare
