"""Ed25519 keys as PEM: the private one signs a run (PKCS #8), the public one verifies it (SubjectPublicKeyInfo)."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from flowdrill.errors import SigningError

_MAKE_ONE = "make a pair with `flowdrill key new`"
_MOST_BYTES = 64_000


@dataclass(frozen=True, slots=True)
class PublicKey:
    """Verifies what was signed with its private key. `id`: SHA-256 of its SubjectPublicKeyInfo (DER)."""

    id: str
    _key: Ed25519PublicKey

    def has_signed(self, message: bytes, signature: bytes) -> bool:
        """Return whether the signature over the message is by this key."""
        try:
            self._key.verify(signature, message)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True)
class SigningKey:
    """Signs. Nothing that prints it shows it."""

    id: str
    _key: Ed25519PrivateKey = field(repr=False)

    def sign(self, message: bytes) -> bytes:
        """Return the signature over a message."""
        return self._key.sign(message)


def write_key_pair(private: Path, public: Path) -> str:
    """Make a pair and write it, the private key for its owner alone; return its id. SigningError when a file is there
    already, or cannot be written: no key is ever overwritten."""
    key = Ed25519PrivateKey.generate()
    texts = (
        (private, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), 0o600),
        (public, key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), 0o644),
    )
    there = next((path for path, _, _ in texts if path.exists()), None)
    if there is not None:
        raise SigningError(f"{there}: is there already, and no key is overwritten", "name another file with --out")
    try:
        for path, text, mode in texts:
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
                file.write(text)
    except OSError as error:
        raise SigningError(f"{error.filename}: {error.strerror}", "name a file that can be written, --out") from error
    return _id_of(key.public_key())


def read_signing_key(path: Path) -> SigningKey:
    """Return the private key of a file; SigningError when it is none."""
    return parse_signing_key(_read(path), str(path))


def parse_signing_key(text: bytes, where: str) -> SigningKey:
    """Return the private key that `text` holds; SigningError, which repeats nothing of it, when it is none."""
    try:
        key = load_pem_private_key(text, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise SigningError(f"{where}: is no private key in PEM without a passphrase", _MAKE_ONE) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise SigningError(f"{where}: is no Ed25519 key", _MAKE_ONE)
    return SigningKey(_id_of(key.public_key()), key)


def read_public_key(path: Path) -> PublicKey:
    """Return the public key of a file; SigningError when it is none."""
    try:
        key = load_pem_public_key(_read(path))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise SigningError(f"{path}: is no public key in PEM", "name the .pub file of `flowdrill key new`") from error
    if not isinstance(key, Ed25519PublicKey):
        raise SigningError(f"{path}: is no Ed25519 key", _MAKE_ONE)
    return PublicKey(_id_of(key), key)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_MOST_BYTES)
    except OSError as error:
        raise SigningError(f"{path}: {error.strerror}", _MAKE_ONE) from error


def _id_of(key: Ed25519PublicKey) -> str:
    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()
