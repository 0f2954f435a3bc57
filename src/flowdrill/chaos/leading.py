"""Where activities of chaostoolkit-kubernetes find the cluster: in this process's environment. Without it they take the
kubeconfig's current context, which may be anybody's."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping

_NAMES = ("KUBECONFIG", "KUBERNETES_CONTEXT", "CHAOSTOOLKIT_IN_POD")
_CLIENT, _READ_ONCE = "kubernetes.config.kube_config", "KUBE_CONFIG_DEFAULT_LOCATION"


def lead_to(cluster: Mapping[str, str]) -> Callable[[], None]:
    """Lead them to a cluster, by `cluster_of`; what is returned leads them back. The client of Kubernetes reads
    KUBECONFIG when it is imported, which chaoslib has done by now."""
    before = {name: os.environ.get(name) for name in _NAMES}
    client = sys.modules.get(_CLIENT)
    read = getattr(client, _READ_ONCE, None)

    def back() -> None:
        _set(before)
        if read is not None:
            setattr(client, _READ_ONCE, read)

    _set({**dict.fromkeys(_NAMES), **cluster} if "KUBECONFIG" in cluster else {**before, **cluster})
    if read is not None and "KUBECONFIG" in cluster:
        setattr(client, _READ_ONCE, cluster["KUBECONFIG"])
    return back


def _set(variables: Mapping[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
