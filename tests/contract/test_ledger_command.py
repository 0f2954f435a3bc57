"""`flowdrill ledger add --running` on every cluster: what the pods run, as the registry has it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from flowdrill.cli.main import main
from flowdrill.model.workload import WorkloadKind
from tests.contract.bench import Cluster, RealBench
from tests.contract.conftest import Place

ROOT = Path(__file__).parents[2]


def drill_of(bench: RealBench, folder: Path) -> str:
    plan = yaml.safe_load((ROOT / "drills" / "edge-missing.yaml").read_text())
    del plan["embedded"]
    target = {"namespace": bench.namespace, "workload": bench.target.workload}
    path = folder / "drill.yaml"
    path.write_text(yaml.safe_dump({**plan, "target": target, "registry": {"plain_http": True}}))
    return str(path)


def test_what_runs_is_added_listed_and_verified(
    place: Place, real_cluster: Cluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--context", place.context, "--kubeconfig", place.kubeconfig]
    with real_cluster.bench(WorkloadKind.DEPLOYMENT) as bench:
        drill = drill_of(bench, tmp_path)
        assert main(["ledger", "add", drill, "--running", "--note", "tried by hand", "--json", *where]) == 0
        added = json.loads(capsys.readouterr().out)
        assert added["added"] is True
        assert (added["entry"]["reference"], added["entry"]["digest"]) == (bench.stable, bench.stable.partition("@")[2])
        assert main(["ledger", "list", drill, *where]) == 0
        name = bench.target.workload.replace("/", "-")
        listed = capsys.readouterr().out
        assert listed.startswith(f"configmap/flowdrill-ledger-{name} in namespace {bench.namespace}:\n")
        assert "tried by hand" in listed
        assert main(["ledger", "verify", drill, "--head", added["head"], *where]) == 0
