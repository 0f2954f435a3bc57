"""`cluster up`, `status`, `down`, `kubeconfig`."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from flowdrill.cluster.base_image import find_runtime
from flowdrill.cluster.lifecycle import RunningCluster, running_cluster, start_cluster, stop_cluster
from flowdrill.cluster.state_folder import Settings, StateFolder, default_state_folder
from flowdrill.commands.exit_codes import ExitCode
from flowdrill.errors import ClusterError


def up(options: argparse.Namespace) -> ExitCode:
    """Start the embedded cluster, unless it is up."""
    folder = _folder(options)
    already = running_cluster(folder)
    if already is None:
        runtime = find_runtime(os.environ, Path.cwd(), options.runtime)
        wanted = Settings(
            api_port=options.port,
            registry_port=options.registry_port,
            runtime=None if runtime is None else str(runtime.bin_folder),
            runtime_version=None if runtime is None else runtime.version,
            trusted_registries=tuple(options.trust_registry),
        )
        running = start_cluster(folder, wanted)
    else:
        running = already
        print("flowdrill: the cluster is up already: nothing was changed", file=sys.stderr)
    _print(running, as_json=options.json)
    return ExitCode.PASS


def status(options: argparse.Namespace) -> ExitCode:
    """Say whether the embedded cluster is up; exit code 1 when it is not."""
    folder = _folder(options)
    running = running_cluster(folder)
    if running is not None:
        _print(running, as_json=options.json)
        return ExitCode.PASS
    kept = folder.exists()
    if options.json:
        print(json.dumps({"up": False, "state": str(folder.path), "kept": kept}))
    else:
        print(f"not up; {'its state is kept in' if kept else 'no state in'} {folder.path}")
    return ExitCode.FAIL


def down(options: argparse.Namespace) -> ExitCode:
    """Stop the embedded cluster and remove its state."""
    folder = _folder(options)
    there = stop_cluster(folder, keep=options.keep)
    kept = " (its state is kept)" if options.keep else ""
    print(f"stopped{kept}" if there else f"there was no cluster in {folder.path}", file=sys.stderr)
    return ExitCode.PASS


def kubeconfig(options: argparse.Namespace) -> ExitCode:
    """Print the path of the kubeconfig, for `export KUBECONFIG=$(flowdrill cluster kubeconfig)`."""
    print(_running(_folder(options)).folder.kubeconfig)
    return ExitCode.PASS


def _running(folder: StateFolder) -> RunningCluster:
    running = running_cluster(folder)
    if running is None:
        raise ClusterError(f"no embedded cluster is up in {folder.path}", "start one: `flowdrill cluster up`")
    return running


def _folder(options: argparse.Namespace) -> StateFolder:
    return default_state_folder(os.environ) if options.state is None else StateFolder(options.state.absolute())


def _print(running: RunningCluster, *, as_json: bool) -> None:
    facts = running.facts()
    if as_json:
        print(json.dumps(facts))
        return
    pods = facts["pods"]
    counts = ", ".join(f"{count} {phase}" for phase, count in (pods or {}).items()) or "none"
    print(f"API         {facts['api']} (process {facts['pid']})")
    print(f"registry    {facts['registry']}")
    print(f"base image  {facts['base_image'] or 'none: no LangFlow runtime was found (see --runtime)'}")
    print(f"pods        {'the API does not answer' if pods is None else counts}")
    print(f"state       {facts['state']}")
    print(f"kubectl     export KUBECONFIG={facts['kubeconfig']}")
