"""From a kubeconfig context to a client of the official library. The current context is never taken by itself."""

from __future__ import annotations

import difflib
import os
from dataclasses import dataclass
from pathlib import Path

import urllib3
import yaml
from kubernetes.client import ApiClient, Configuration
from kubernetes.config import ConfigException, load_kube_config

from flowdrill.analysis.redaction import redact
from flowdrill.errors import ClusterError

_DEFAULT_KUBECONFIG = "~/.kube/config"


@dataclass(frozen=True, slots=True)
class Connection:
    """A configured client; nothing has been sent yet."""

    client: ApiClient
    context: str
    server: str  # the API server's address


def connect(context: str, kubeconfig: str | None = None) -> Connection:
    """Return the client for `context` of `kubeconfig` (default: $KUBECONFIG, then ~/.kube/config; several files are
    joined by `:`, as kubectl does). ClusterError when the file or the context is not there or cannot be used."""
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


def _client(files: str, context: str) -> ApiClient:
    """The library takes a kubeconfig's values as they are: a wrong one may raise anything here."""
    settings = Configuration()
    load_kube_config(config_file=files, context=context, client_configuration=settings, persist_config=False)
    settings.retries = False  # retried here, where it is known what may be sent twice
    settings.keep_alive = True
    settings.connection_pool_maxsize = 16  # the watches, and the connection that the rollback goes out on
    if not settings.verify_ssl:
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)  # the kubeconfig asked for it
    client = ApiClient(settings)
    client.user_agent = "flowdrill"
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
