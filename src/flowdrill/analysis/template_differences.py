"""What else than the image differs between two pod templates, as lines to read. Pure; secrets are redacted."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flowdrill.analysis.redaction import REDACTED, follows_secret_option, names_a_secret, redact
from flowdrill.model.json_shapes import as_mapping, as_mappings, inside

Json = Mapping[str, Any]
_MOST_LINES, _LONGEST_LINE, _LONGEST_VALUE, _DEEPEST = 20, 240, 80, 20
_NOT_SET = "not set"
_PLAIN = re.compile(r"[\w./:@%+=-]+")
_NO_DIFFERENCE = frozenset({
    "pod-template-hash", "controller-revision-hash", "creationTimestamp", "$patch", "serviceAccount",
    "kubectl.kubernetes.io/restartedAt",
})  # fmt: skip
_OWN_ANNOTATIONS = "flowdrill.dev/"
# What the API server fills in. A ControllerRevision keeps what an older server did not yet fill in.
_POD_DEFAULTS: Json = {
    "restartPolicy": "Always", "dnsPolicy": "ClusterFirst", "schedulerName": "default-scheduler",
    "terminationGracePeriodSeconds": 30, "enableServiceLinks": True, "serviceAccountName": "default",
    "hostNetwork": False, "hostPID": False, "hostIPC": False, "preemptionPolicy": "PreemptLowerPriority",
}  # fmt: skip
_DEFAULTS: Json = {
    "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File", "protocol": "TCP",
    "scheme": "HTTP", "timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3,
    "initialDelaySeconds": 0, "defaultMode": 420, "readOnly": False, "optional": False, "stdin": False, "tty": False,
    "apiVersion": "v1", "expirationSeconds": 3600,
}  # fmt: skip
_DEFAULT_BY_TAG = "imagePullPolicy"  # filled in by the image's tag: where it is missing, it says nothing
_NAMES_NO_SECRET = frozenset({"secretName", "imagePullSecrets", "automountServiceAccountToken"})  # of the API's fields


def template_differences(now: Json, then: Json, container: str) -> tuple[str, ...]:
    """Return what a change of the pod template from `now` to `then` would change beside the image of `container`, one
    line each: `env NAME: "x" -> not set`. Values that look secret are redacted; what the API server fills in, hashes
    and the marks of restarts do not count. Lines of another container begin with its name, those of the pod with
    `pod`. At most 20 lines and one that says how many more."""
    texts = _Texts(_secrets(now) | _secrets(then))
    before, after = (_cleaned(inside(one, "spec")) for one in (now, then))
    lines = [
        *_container_lines(before, after, "containers", container, texts),
        *_container_lines(before, after, "initContainers", None, texts),
        *_group_lines(_by(before, "volumes", "name"), _by(after, "volumes", "name"), "volume", texts),
        *_field_lines(_pod_fields(before), _pod_fields(after), "pod ", texts),
        *_field_lines(_marks(now), _marks(then), "", texts),
    ]
    shown = [_cut(line, _LONGEST_LINE) for line in lines[:_MOST_LINES]]
    more = len(lines) - len(shown)
    return (*shown, f"and {more} more") if more else tuple(shown)


@dataclass(frozen=True, slots=True)
class _Texts:
    """Values as they may be shown."""

    secrets: frozenset[str]

    def change(self, label: str, name: str, now: object, then: object) -> str:
        """One line for a value that differs, of something called `name`."""
        before, after = self.value(name, now), self.value(name, then)
        if before == after:
            after = "another value"
        return f"{label} {before} -> {after}"

    def value(self, name: str, value: object) -> str:
        """What may be shown of the value of something called `name`."""
        if value is None:
            return _NOT_SET
        if isinstance(value, _Source):
            return f"from {_cut(redact(value.text, self.secrets), _LONGEST_VALUE)}"
        if _is_secret(name):
            return REDACTED
        if isinstance(value, _Literal):
            return _cut(json.dumps(redact(value.text, self.secrets), ensure_ascii=False), _LONGEST_VALUE)
        if isinstance(value, str) and _PLAIN.fullmatch(value):
            return _cut(redact(value, self.secrets), _LONGEST_VALUE)
        return _cut(json.dumps(self._scrubbed(value), ensure_ascii=False), _LONGEST_VALUE)

    def _scrubbed(self, value: Any) -> Any:
        """The value without what is secret by its shape or by the name beside it."""
        if isinstance(value, dict):
            secret = {key for key, one in value.items() if not isinstance(one, (dict, list)) and _is_secret(key)}
            if names_a_secret(str(value.get("name"))):
                secret.add("value")
            return {key: REDACTED if key in secret else self._scrubbed(one) for key, one in value.items()}
        if isinstance(value, list):
            hidden = [follows_secret_option(value, at) for at in range(len(value))]
            return [REDACTED if hide else self._scrubbed(one) for one, hide in zip(value, hidden, strict=True)]
        return redact(value, self.secrets) if isinstance(value, str) else value


@dataclass(frozen=True, slots=True)
class _Literal:
    """The value of an environment variable."""

    text: str


@dataclass(frozen=True, slots=True)
class _Source:
    """Where an environment variable has its value from: a key of a Secret, say."""

    text: str


def _container_lines(before: Json, after: Json, key: str, container: str | None, texts: _Texts) -> Iterator[str]:
    now, then = _by(before, key, "name"), _by(after, key, "name")
    what = "container" if key == "containers" else "init container"
    for name in {**now, **then}:
        if name not in then:
            yield f"{what} {name}: removed"
        elif name not in now:
            image = texts.value("image", then[name].get("image"))
            yield f"{what} {name}: added (image {image})"
        else:
            lead = "" if name == container else f"{what} {name}: "
            yield from _one_container(now[name], then[name], lead, texts, is_target=name == container)


def _one_container(now: Json, then: Json, lead: str, texts: _Texts, *, is_target: bool) -> Iterator[str]:
    envs = [{str(one.get("name")): _env_value(one) for one in as_mappings(each.get("env"))} for each in (now, then)]
    for name in {**envs[0], **envs[1]}:
        if envs[0].get(name) != envs[1].get(name):
            yield texts.change(f"{lead}env {name}:", name, envs[0].get(name), envs[1].get(name))
    mounts = [_by(each, "volumeMounts", "mountPath") for each in (now, then)]
    yield from _group_lines(mounts[0], mounts[1], f"{lead}mount", texts)
    sources = [_env_sources(each) for each in (now, then)]
    yield from _group_lines(sources[0], sources[1], f"{lead}envFrom", texts)
    apart = {"name", "env", "envFrom", "volumeMounts", *(("image",) if is_target else ())}
    if _DEFAULT_BY_TAG not in now or _DEFAULT_BY_TAG not in then:
        apart.add(_DEFAULT_BY_TAG)
    fields = [{key: value for key, value in each.items() if key not in apart} for each in (now, then)]
    yield from _field_lines(fields[0], fields[1], lead, texts)


def _env_sources(container: Json) -> dict[str, Json]:
    """What all of a container's variables come from: `secretRef NAME`, with the prefix that they get."""
    return {
        f"{kind} {as_mapping(one[kind]).get('name')}": {key: value for key, value in one.items() if key != kind}
        for one in as_mappings(container.get("envFrom"))
        for kind in one
        if isinstance(one[kind], dict)
    }


def _env_value(one: Json) -> _Literal | _Source:
    source = as_mapping(one.get("valueFrom"))
    if not source:
        return _Literal(str(one.get("value", "")))
    kind, reference = next(iter(source.items()))
    named = as_mapping(reference)
    parts = [str(named[key]) for key in ("name", "containerName", "key", "fieldPath", "resource") if key in named]
    return _Source(f"{kind} {'/'.join(parts) or json.dumps(reference)}")


def _group_lines(now: dict[str, Json], then: dict[str, Json], what: str, texts: _Texts) -> Iterator[str]:
    """Lines for a list whose members have names: those that came, those that went, and what differs in the others."""
    for name in {**now, **then}:
        if name not in then or name not in now:
            yield f"{what} {name}: {'removed' if name in now else 'added'}"
        else:
            yield from _field_lines(now[name], then[name], f"{what} {name}: ", texts)


def _field_lines(now: Json, then: Json, lead: str, texts: _Texts) -> Iterator[str]:
    befores, afters = dict(_leaves(now)), dict(_leaves(then))
    for path in {**befores, **afters}:
        before, after = befores.get(path), afters.get(path)
        if before != after:
            yield texts.change(f"{lead}{path}", path.rpartition(".")[2], before, after)


def _leaves(value: Json, path: str = "") -> Iterator[tuple[str, Any]]:
    """Everything below `value` that is no mapping, by the path that leads to it."""
    for key, inner in value.items():
        if isinstance(inner, dict) and inner:
            yield from _leaves(inner, f"{path}{key}.")
        else:
            yield f"{path}{key}", inner


def _pod_fields(pod: Json) -> Json:
    apart = {"containers", "initContainers", "ephemeralContainers", "volumes"}
    return {
        key: value
        for key, value in pod.items()
        if key not in apart and (key not in _POD_DEFAULTS or value != _POD_DEFAULTS[key])
    }


def _marks(template: Json) -> Json:
    meta = _cleaned(inside(template, "metadata"))
    return {key: meta[key] for key in ("labels", "annotations") if key in meta}


def _by(holder: Json, key: str, name: str) -> dict[str, Json]:
    return {str(one.get(name)): one for one in as_mappings(holder.get(key))}


def _cleaned(value: Any, depth: int = 0) -> Any:
    """The value without what is empty, filled in by the API server, or no difference to anybody."""
    if depth > _DEEPEST:
        return "…"
    if isinstance(value, dict):
        inner = {
            str(key): _cleaned(one, depth + 1)
            for key, one in value.items()
            if key not in _NO_DIFFERENCE and not str(key).startswith(_OWN_ANNOTATIONS)
        }
        return {key: one for key, one in inner.items() if not _says_nothing(key, one)}
    return [_cleaned(one, depth + 1) for one in value] if isinstance(value, list) else value


def _says_nothing(key: str, value: object) -> bool:
    return value is None or value in ("", {}, []) or (key in _DEFAULTS and value == _DEFAULTS[key])


def _is_secret(name: str) -> bool:
    return names_a_secret(name) and name not in _NAMES_NO_SECRET


def _secrets(template: Json) -> frozenset[str]:
    """The values of variables whose name says that they are secret: to be hidden wherever they stand."""
    pod = inside(template, "spec")
    containers = [*as_mappings(pod.get("containers")), *as_mappings(pod.get("initContainers"))]
    variables: Iterable[Json] = (one for each in containers for one in as_mappings(each.get("env")))
    return frozenset(
        value
        for one in variables
        if isinstance(value := one.get("value"), str) and len(value) > 3 and names_a_secret(str(one.get("name")))
    )


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
