from __future__ import annotations

import socket
from pathlib import Path

import pytest
import yaml

from flowdrill.edges.kubernetes.connect import IN_CLUSTER, connect, names_of_context
from flowdrill.edges.kubernetes.target_workload import open_workload
from flowdrill.errors import ClusterError
from flowdrill.model.drill import Target
from flowdrill.model.rollback_plan import RollbackPlan

TARGET = Target(namespace="demo", workload="deployment/app")


def kubeconfig(path: Path, server: str, *contexts: str) -> str:
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": {}}],
        "contexts": [{"name": name, "context": {"cluster": "c", "user": "u"}} for name in contexts],
        "current-context": contexts[0],
    }
    path.write_text(yaml.safe_dump(content))
    return str(path)


def test_an_unknown_context_is_answered_with_those_that_exist(tmp_path: Path) -> None:
    files = kubeconfig(tmp_path / "config", "http://127.0.0.1:1", "staging", "production")
    with pytest.raises(ClusterError, match="it has: production, staging") as unknown:
        connect("stagin", files)
    assert "did you mean 'staging'?" in unknown.value.remedy


def test_the_current_context_is_never_taken_by_itself(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="has no context ''"):
        connect("", kubeconfig(tmp_path / "config", "http://127.0.0.1:1", "production"))


def test_contexts_of_several_files_are_known(tmp_path: Path) -> None:
    first = kubeconfig(tmp_path / "a", "http://127.0.0.1:1", "one")
    second = kubeconfig(tmp_path / "b", "http://127.0.0.1:1", "two")
    connection = connect("two", f"{first}:{second}:{tmp_path}/missing")
    assert (connection.context, connection.server) == ("two", "http://127.0.0.1:1")
    connection.client.close()


def test_the_environment_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", kubeconfig(tmp_path / "config", "http://127.0.0.1:1", "here"))
    connect("here").client.close()


def test_a_missing_kubeconfig_is_said(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="there is no kubeconfig"):
        connect("x", str(tmp_path / "missing"))


@pytest.mark.parametrize("text", ["[1, 2]", "contexts: [{nome: x}]", "a: [", "\x00"])
def test_a_file_that_is_no_kubeconfig_is_said(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    with pytest.raises(ClusterError, match="is no kubeconfig"):
        connect("x", str(path))


def test_a_context_without_its_user_or_files_cannot_be_used(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text("contexts: [{name: x, context: {cluster: c, user: u}}]\nclusters: []\nusers: []\n")
    with pytest.raises(ClusterError, match="cannot be used"):
        connect("x", str(path))


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("server: http://127.0.0.1:1", "server: 5"),
        ("cluster: {server: http://127.0.0.1:1}", "cluster: 5"),
        ("user: {}", "user: 5"),
        ("context: {cluster: c, user: u}", "context: 5"),
        ("server: http://127.0.0.1:1", "server: http://127.0.0.1:1, proxy-url: 5"),
        ("server: http://127.0.0.1:1", "server: http://127.0.0.1:1, proxy-url: nonsense"),
    ],
)
def test_a_kubeconfig_with_a_wrong_value_cannot_be_used(tmp_path: Path, right: str, wrong: str) -> None:
    text = (
        "contexts: [{name: x, context: {cluster: c, user: u}}]\nusers: [{name: u, user: {}}]\n"
        "clusters: [{name: c, cluster: {server: http://127.0.0.1:1}}]\n"
    )
    assert right in text
    path = tmp_path / "config"
    path.write_text(text.replace(right, wrong))
    with pytest.raises(ClusterError, match="cannot be used"):
        connect("x", str(path))


def test_a_server_that_does_not_answer_is_named(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        server = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(ClusterError, match=f"the API server {server} cannot be reached") as unreachable:
        open_workload("x", TARGET, kubeconfig=kubeconfig(tmp_path / "config", server, "x"))
    assert "check that the cluster runs" in unreachable.value.remedy


@pytest.mark.parametrize("key", ["as", "groups"])
def test_a_user_that_no_header_can_carry_is_refused_before_anything_is_sent(key: str) -> None:
    harm = "ann\r\nImpersonate-Group: system:masters"
    with pytest.raises(ValueError, match="printable ASCII"):
        RollbackPlan.model_validate({"as": "ann", key: harm if key == "as" else (harm,)})


def test_a_context_goes_by_its_own_name_its_clusters_and_the_servers(tmp_path: Path) -> None:
    files = kubeconfig(tmp_path / "config", "https://api.prod.example:6443/k8s", "mine")
    names = ("mine", "c", "https://api.prod.example:6443/k8s", "api.prod.example")
    assert names_of_context("mine", files) == names
    other = kubeconfig(tmp_path / "other", "https://elsewhere.example", "mine", "theirs")
    assert names_of_context("mine", f"{files}:{other}") == names  # the first file that names it counts
    assert names_of_context("not-there", files) == ("not-there",)


@pytest.mark.parametrize("text", ["contexts: {}", "contexts: [1, {name: mine}]", "\0", "- a", "clusters: 7", "a: ["])
def test_a_kubeconfig_of_another_shape_gives_the_contexts_name_alone(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    assert names_of_context("mine", str(path)) == ("mine",)
    assert names_of_context("mine", str(tmp_path / "none")) == ("mine",)


def test_in_a_pod_it_asks_its_own_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(ClusterError, match="this is no pod that may ask its cluster"):
        connect(IN_CLUSTER)
