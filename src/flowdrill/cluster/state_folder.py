"""Where a cluster keeps everything: one folder, which only its owner can read."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from flowdrill.errors import ClusterError

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Settings:
    """What a cluster is started with, kept for its next start. Ports are 0, and the prefix None, until first chosen."""

    api_port: int = 0
    registry_port: int = 0
    prefix: int | None = None  # the cluster's addresses are 127.PREFIX.0.0/16
    runtime: str | None = None  # the bin folder with LangFlow's runtime
    runtime_version: str | None = None
    trusted_registries: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StateFolder:
    """The paths within, and what is written there before the cluster runs."""

    path: Path

    @property
    def database(self) -> Path:
        """The API's objects."""
        return self.path / "objects.sqlite"

    @property
    def kubeconfig(self) -> Path:
        """How to reach the cluster, as its administrator."""
        return self.path / "kubeconfig"

    @property
    def registry(self) -> Path:
        """The registry's blobs and manifests."""
        return self.path / "registry"

    @property
    def registry_down(self) -> Path:
        """While this file is there, the registry answers 503; gone after a start."""
        return self.path / "registry-down"

    @property
    def images(self) -> Path:
        """The node's unpacked images."""
        return self.path / "images"

    @property
    def pods(self) -> Path:
        """A folder for each pod: its containers' files, volumes and logs."""
        return self.path / "pods"

    @property
    def claims(self) -> Path:
        """A folder for each PersistentVolumeClaim: what is in its volume."""
        return self.path / "claims"

    @property
    def log(self) -> Path:
        """What the cluster's own process has to say."""
        return self.path / "cluster.log"

    @property
    def audit_log(self) -> Path:
        """Who has written what through the API; the part before it is beside it, with `.1`."""
        return self.path / "audit.log"

    @property
    def certificates(self) -> Path:
        """The cluster's authority and the API server's certificate and key."""
        return self.path / "certificates"

    @property
    def token(self) -> Path:
        """The administrator's bearer token."""
        return self.path / "token"

    @property
    def signing_key(self) -> Path:
        """What service accounts' tokens are signed with."""
        return self.path / "signing-key"

    @property
    def _settings(self) -> Path:
        return self.path / "settings.json"

    @property
    def _lock(self) -> Path:
        return self.path / "lock"

    def exists(self) -> bool:
        """Return whether a cluster's state is here."""
        return self._settings.is_file()

    def create(self, settings: Settings) -> None:
        """Make the folder, with secrets of its own; ClusterError when something else is in it."""
        if self.path.exists() and (not self.path.is_dir() or any(self.path.iterdir())):
            raise ClusterError(
                f"{self.path} is not empty and holds no cluster", "name a folder of its own with --state, or empty it"
            )
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path.chmod(0o700)
            for folder in (self.registry, self.images, self.pods, self.claims, self.certificates):
                folder.mkdir(mode=0o700)
            self.write_private(self.token, secrets.token_urlsafe(32))
            self.write_private(self.signing_key, secrets.token_hex(32))
            self.save(settings)  # last: what makes it a cluster's folder
        except OSError as error:
            raise no_room(self.path, error) from error

    def settings(self) -> Settings:
        """Return what the cluster was last started with; ClusterError when the file is damaged."""
        try:
            return _settings_of(json.loads(self._settings.read_text("utf-8")))
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise ClusterError(
                f"{self._settings} cannot be used: {error}",
                f"`flowdrill cluster down --state {self.path}` removes the cluster; then start a new one",
            ) from error

    def save(self, settings: Settings) -> None:
        """Keep the settings for the next start."""
        self.write_private(self._settings, json.dumps({"format": _FORMAT, **asdict(settings)}, indent=1))

    def write_private(self, path: Path, text: str) -> None:
        """Write a file that only its owner can read, completely or not at all."""
        part = path.with_name(f"{path.name}.part")
        part.unlink(missing_ok=True)
        part.touch(mode=0o600)
        part.write_text(text, "utf-8")
        part.replace(path)

    def hold(self) -> bool:
        """Hold the folder until this process ends, however that is; False when another process holds it. Nothing
        gives the lock back earlier: who finds it free knows that the process is gone."""
        lock = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            return False
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
        return True

    def holder(self) -> int | None:
        """Return the process id of the cluster that runs here, None when none does."""
        try:
            with self._lock.open("r+", encoding="utf-8") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except OSError:
                    return int(file.read() or 0) or None
        except (FileNotFoundError, NotADirectoryError):
            return None
        return None

    def remove(self) -> None:
        """Delete the folder with everything in it, but only when it is a cluster's."""
        if self.exists():
            shutil.rmtree(self.path)


def no_room(path: Path, error: OSError) -> ClusterError:
    """Return what to say when a cluster's folder cannot be written."""
    return ClusterError(
        f"{error.filename or path}: {error.strerror}",
        "see that there is room and that you may write there, or name another folder with --state",
    )


def default_state_folder(environ: Mapping[str, str]) -> StateFolder:
    """Return $FLOWDRILL_CLUSTER, else `flowdrill/cluster` in the user's folder for state."""
    if named := environ.get("FLOWDRILL_CLUSTER"):
        return StateFolder(Path(named).absolute())
    base = environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return StateFolder(Path(base) / "flowdrill" / "cluster")


def _settings_of(written: dict[str, object]) -> Settings:
    if written["format"] != _FORMAT:
        raise ValueError(f"format {written['format']} is not known to this version")
    known = {field.name for field in fields(Settings)}
    settings = Settings(**{name: value for name, value in written.items() if name in known})  # type: ignore[arg-type]
    return replace(settings, trusted_registries=tuple(settings.trusted_registries))
