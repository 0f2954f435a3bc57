"""From a kubeconfig context to a client of the official library. The current context is never taken by itself."""

from __future__ import annotations

import difflib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import urllib3
import yaml
from kubernetes.client import ApiClient, Configuration
from kubernetes.config import ConfigException, load_incluster_config, load_kube_config

from flowdrill.analysis.redaction import redact
from flowdrill.errors import ClusterError

IN_CLUSTER = "(in cluster)"  # in a context's place: the API server of the cluster in which this process is a pod
_DEFAULT_KUBECONFIG = "~/.kube/config"


@dataclass(frozen=True, slots=True)
class Connection:
    """A configured client; nothing has been sent yet."""

    client: ApiClient
    context: str
    server: str  # the API server's address


def connect(context: str, kubeconfig: str | None = None) -> Connection:
    """Return the client for `context` of `kubeconfig` (default: $KUBECONFIG, then ~/.kube/config; several files are
    joined by `:`, as kubectl does), or for IN_CLUSTER. ClusterError when the file or the context is not there or cannot
    be used."""
    if context == IN_CLUSTER:
        return _connect_from_within()
    files = kubeconfig or os.environ.get("KUBECONFIG") or _DEFAULT_KUBECONFIG
    known = _contexts(files)
    if context not in known:
        raise ClusterError(
            f"the kubeconfig {files} has no context {context!r}; it has: {', '.join(sorted(known)) or 'none'}",
            f"give one of them to --context{_meant(context, known)}",
        )
    try:
        client = _client(files, context)
    except (ConfigException, OSError, ValueError, TypeError, AttributeError, LookupError, yaml.YAMLError) as error:
        raise ClusterError(
            f"the context {context!r} of the kubeconfig {files} cannot be used: {error}",
            f"see what `kubectl --context {context} version` says, and mend the kubeconfig",
        ) from error
    return Connection(client, context, redact(client.configuration.host))


def only_context(kubeconfig: str) -> str:
    """Return the name of the file's only context; ClusterError when it has none, or several."""
    known = sorted(_contexts(kubeconfig))
    if len(known) != 1:
        raise ClusterError(
            f"the kubeconfig {kubeconfig} has {len(known)} contexts: {', '.join(known) or 'none'}",
            "say which one is meant: rollback.context in the drill",
        )
    return known[0]


def _connect_from_within() -> Connection:
    """As the pod's service account, whose token is read anew from its file as the cluster renews it."""
    settings = Configuration()
    try:
        load_incluster_config(client_configuration=settings)
    except (ConfigException, OSError, ValueError) as error:
        raise ClusterError(
            f"this is no pod that may ask its cluster: {error}", "run it in a pod that has a service account's token"
        ) from error
    client = _client_with(settings)
    return Connection(client, IN_CLUSTER, redact(settings.host))


def names_of_context(context: str, kubeconfig: str | None = None) -> tuple[str, ...]:
    """Return everything that the cluster of `context` goes by in the kubeconfig: the context's name, its cluster's, the
    API server's address and host. Connects to nothing; what cannot be read is left out, and told by `connect`."""
    files = kubeconfig or os.environ.get("KUBECONFIG") or _DEFAULT_KUBECONFIG
    names = [context]
    contents = [_lists_of(Path(name).expanduser()) for name in files.split(os.pathsep) if name]
    clusters = [str(one["context"].get("cluster")) for held in contents for one in held["contexts"]
                if one.get("name") == context and isinstance(one.get("context"), dict)]  # fmt: skip
    for cluster in clusters[:1]:  # the first file that names one counts, as for kubectl
        names.append(cluster)
        servers = [str(one["cluster"].get("server")) for held in contents for one in held["clusters"]
                   if one.get("name") == cluster and isinstance(one.get("cluster"), dict)]  # fmt: skip
        names += [name for server in servers[:1] for name in (server, _host(server)) if name]
    return tuple(names)


def _lists_of(path: Path) -> dict[str, list[dict[str, Any]]]:
    """The contexts and clusters of a file, as far as they are in the right shape."""
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        content = None
    held = content if isinstance(content, dict) else {}
    lists = {name: held.get(name) for name in ("contexts", "clusters")}
    return {
        name: [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
        for name, value in lists.items()
    }


def _host(server: str) -> str | None:
    try:
        return urlsplit(server).hostname
    except ValueError:
        return None


def _client(files: str, context: str) -> ApiClient:
    """The library takes a kubeconfig's values as they are: a wrong one may raise anything here."""
    settings = Configuration()
    load_kube_config(config_file=files, context=context, client_configuration=settings, persist_config=False)
    return _client_with(settings)


def _client_with(settings: Configuration) -> ApiClient:
    settings.retries = False  # retried here, where it is known what may be sent twice
    settings.keep_alive = True
    settings.connection_pool_maxsize = 16  # the watches, and the connection that the rollback goes out on
    if not settings.verify_ssl:
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)  # the kubeconfig asked for it
    client = ApiClient(settings)
    client.user_agent = f"flowdrill (process {os.getpid()})"  # an audit log tells the harness from its guard
    return client


def _meant(context: str, known: frozenset[str]) -> str:
    close = difflib.get_close_matches(context, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _contexts(files: str) -> frozenset[str]:
    """The names of all contexts. Files that do not exist are skipped, as kubectl does, unless none exists."""
    paths = [path for name in files.split(os.pathsep) if name and (path := Path(name).expanduser()).exists()]
    if not paths:
        raise ClusterError(f"there is no kubeconfig {files}", "set KUBECONFIG to the file that holds the context")
    names: set[str] = set()
    for path in paths:
        try:
            content = yaml.safe_load(path.read_text("utf-8")) or {}
            names.update(str(entry["name"]) for entry in content.get("contexts") or ())
        except (OSError, ValueError, TypeError, KeyError, AttributeError, yaml.YAMLError) as error:
            raise ClusterError(
                f"{path} is no kubeconfig: {str(error).splitlines()[0]}", "give a file that kubectl can read"
            ) from error
    return frozenset(names)
