"""Requests to a registry: retries, redirects, paging, and answers that no honest registry gives."""

from __future__ import annotations

import json
import shutil
import ssl
import subprocess
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from flowdrill.errors import ImageMissingError, RegistryError
from flowdrill.oci.client import Request, open_registry
from flowdrill.oci.digest import digest_of
from flowdrill.oci.manifests import OCI_MANIFEST, Descriptor
from flowdrill.oci.repository import Repository
from flowdrill.oci.transport import is_loopback
from tests.unit.oci.image_building import push_image
from tests.unit.oci.loopback_registry import LoopbackRegistry, Scripted, basic, loopback_registry

BLOB = b"content of a blob"
DESCRIPTOR = Descriptor("application/octet-stream", digest_of(BLOB), len(BLOB))
BLOB_PATH = f"/v2/app/blobs/{DESCRIPTOR.digest}"


def test_a_busy_registry_is_asked_again_when_it_says_so(registry: LoopbackRegistry) -> None:
    registry.script += [
        Scripted("GET", "/v2/app/tags", 429, {"Retry-After": "7"}),
        Scripted("GET", "/v2/app/tags", 503),
        Scripted("GET", "/v2/app/tags", 429, {"Retry-After": "Fri, 01 Jan 2100 00:00:00 GMT"}),
    ]
    assert registry.repository().tags() == ()
    assert registry.pauses == [7.0, 1.0, 30.0]


def test_a_registry_that_stays_busy_is_given_up_after_four_attempts(registry: LoopbackRegistry) -> None:
    registry.script += [Scripted("GET", "/v2/app/tags", 500)] * 5
    with pytest.raises(RegistryError, match="HTTP 500"):
        registry.repository().tags()
    assert len(registry.asked("GET")) == 4


def test_an_unreachable_registry_is_named() -> None:
    with loopback_registry() as gone:
        address = gone.address
    with pytest.raises(RegistryError, match=rf"http://{address} cannot be reached: .*refused"):
        Repository(open_registry(address, pause_seconds=lambda _: None), "app").tags()


def test_every_page_of_the_tag_list_is_read(registry: LoopbackRegistry) -> None:
    following = '</v2/app/tags/list?n=2&last=b>; rel="next"'
    registry.script += [
        Scripted("GET", "/v2/app/tags/list?n=1000", 200, {"Link": following}, b'{"tags": ["a", "b"]}'),
        Scripted("GET", "/v2/app/tags/list?n=2&last=b", 200, {}, b'{"tags": ["c"]}'),
    ]
    assert registry.repository().tags() == ("a", "b", "c")


def test_a_tag_list_does_not_lead_to_another_server(registry: LoopbackRegistry) -> None:
    link = {"Link": '<http://192.0.2.1/v2/app/tags/list>; rel="next"'}
    registry.script.append(Scripted("GET", "/v2/app/tags", 200, link, b'{"tags": []}'))
    with pytest.raises(RegistryError, match="another server"):
        registry.repository().tags()


def test_a_redirect_to_another_host_carries_no_credentials(registry: LoopbackRegistry, tmp_path: Path) -> None:
    config = {"auths": {registry.address: {"username": "u", "password": "p"}}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    registry.challenge, registry.accepted_authorizations = "Basic realm=x", {basic("u", "p")}
    repository = registry.repository(environ={"DOCKER_CONFIG": str(tmp_path)})
    assert repository.tags() == ()  # logs in, so that the script below answers a request with credentials
    with loopback_registry() as storage:
        storage.put_blob("app", BLOB)
        registry.script.append(Scripted("GET", BLOB_PATH, 307, {"Location": f"http://{storage.address}{BLOB_PATH}"}))
        assert b"".join(repository.blob_pieces(DESCRIPTOR)) == BLOB
        assert storage.seen[0].authorization is None
        assert registry.seen[-1].authorization == basic("u", "p")


def test_a_redirect_does_not_lead_to_plain_http_outside_this_machine(registry: LoopbackRegistry) -> None:
    registry.script.append(Scripted("GET", BLOB_PATH, 307, {"Location": "http://192.0.2.1/blob"}))
    with pytest.raises(RegistryError, match="without TLS") as caught:
        b"".join(registry.repository().blob_pieces(DESCRIPTOR))
    assert "--plain-http" in caught.value.remedy


def test_redirects_in_a_circle_end(registry: LoopbackRegistry) -> None:
    registry.script += [Scripted("GET", BLOB_PATH, 307, {"Location": BLOB_PATH})] * 9
    with pytest.raises(RegistryError, match="HTTP 307"):
        b"".join(registry.repository().blob_pieces(DESCRIPTOR))


@pytest.mark.parametrize("sent", [b"something else!!!", BLOB + b"more", BLOB[:-1]])
def test_a_blob_with_the_wrong_content_is_refused(registry: LoopbackRegistry, sent: bytes) -> None:
    registry.script.append(Scripted("GET", BLOB_PATH, 200, {}, sent))
    with pytest.raises(RegistryError, match=r"digest|larger"):
        b"".join(registry.repository().blob_pieces(DESCRIPTOR))


def test_a_connection_that_breaks_in_a_blob_is_an_error(registry: LoopbackRegistry) -> None:
    cut = {"Content-Length": str(len(BLOB)), "Connection": "close"}
    registry.script.append(Scripted("GET", BLOB_PATH, 200, cut, BLOB[:3]))
    with pytest.raises(RegistryError):
        b"".join(registry.repository().blob_pieces(DESCRIPTOR))


def test_a_manifest_must_match_the_digest_that_was_asked_for(registry: LoopbackRegistry) -> None:
    wanted = digest_of(b"{}")
    registry.script.append(Scripted("GET", "/v2/app/manifests", 200, {"Content-Type": OCI_MANIFEST}, b'{"other": 1}'))
    with pytest.raises(RegistryError, match=f"not {wanted}"):
        registry.repository().manifest(wanted)


def test_a_manifest_must_match_the_digest_its_header_claims(registry: LoopbackRegistry) -> None:
    headers = {"Content-Type": OCI_MANIFEST, "Docker-Content-Digest": digest_of(b"x")}
    registry.script.append(Scripted("GET", "/v2/app/manifests", 200, headers, b"{}"))
    with pytest.raises(RegistryError, match="hostile"):
        registry.repository().manifest("1")


@pytest.mark.parametrize(
    "body",
    [
        b"<html>no</html>",
        b"[]",
        b"null",
        b"[" * 100_000,
        b'{"config": {}, "layers": []}',
        b'{"config": {"mediaType": "x", "digest": "sha256:../../etc/passwd", "size": 1}, "layers": []}',
        b'{"config": {"mediaType": "x", "digest": "sha256:' + b"a" * 64 + b'", "size": -1}, "layers": []}',
        b'{"config": {"mediaType": "x", "digest": "sha256:' + b"a" * 64 + b'", "size": 1}, "layers": {}}',
        b"\xff\xfe",
    ],
)
def test_a_damaged_manifest_is_one_clear_error(registry: LoopbackRegistry, body: bytes) -> None:
    registry.script.append(Scripted("GET", "/v2/app/manifests/1", 200, {"Content-Type": OCI_MANIFEST}, body))
    with pytest.raises(RegistryError, match="manifest"):
        registry.repository().manifest("1")


def test_an_oversized_manifest_is_not_read(registry: LoopbackRegistry) -> None:
    registry.script.append(
        Scripted("GET", "/v2/app/manifests/1", 200, {"Content-Type": OCI_MANIFEST}, b" " * (5 << 20))
    )
    with pytest.raises(RegistryError, match="larger than 4194304 bytes"):
        registry.repository().manifest("1")


def test_what_the_registry_does_not_hold_is_named(registry: LoopbackRegistry) -> None:
    with pytest.raises(ImageMissingError, match=f"{registry.address}/app:1: .*MANIFEST_UNKNOWN"):
        registry.repository().manifest("1")


def test_a_blob_is_mounted_within_a_registry_and_copied_between_two(registry: LoopbackRegistry) -> None:
    blob = Descriptor("x", registry.put_blob("base", BLOB), len(BLOB))
    assert registry.repository("app").take_blob(blob, registry.repository("base")) == 0
    assert registry.blobs["app", blob.digest] == BLOB
    with loopback_registry() as other:
        assert other.repository("app").take_blob(blob, registry.repository("base")) == len(BLOB)
        assert other.repository("app").take_blob(blob, registry.repository("base")) == 0
        assert other.blobs["app", blob.digest] == BLOB


def test_a_blob_that_cannot_be_mounted_is_uploaded(registry: LoopbackRegistry) -> None:
    blob = Descriptor("x", registry.put_blob("base", BLOB), len(BLOB))
    registry.script.append(Scripted("POST", "/v2/app/blobs/uploads", 202, {"Location": "/v2/app/blobs/uploads/9"}))
    assert registry.repository("app").take_blob(blob, registry.repository("base")) == len(BLOB)
    assert registry.blobs["app", blob.digest] == BLOB


def test_a_blob_that_is_damaged_at_its_source_does_not_arrive(registry: LoopbackRegistry) -> None:
    blob = Descriptor("x", registry.put_blob("base", BLOB), len(BLOB))
    registry.blobs["base", blob.digest] = b"X" * len(BLOB)
    with loopback_registry() as other, pytest.raises(RegistryError, match=r"digest|HTTP 400"):
        other.repository("app").take_blob(blob, registry.repository("base"))


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1:5000", True), ("127.9.9.9", True), ("[::1]:5000", True), ("localhost:5000", True),
        ("10.0.0.1:5000", False), ("127.0.0.1.example.org", False), ("localhost.example.org", False),
    ],
)  # fmt: skip
def test_only_loopback_needs_no_permission_for_plain_http(host: str, *, loopback: bool) -> None:
    assert is_loopback(host) is loopback


def test_a_registry_without_tls_is_explained(registry: LoopbackRegistry, certificate: tuple[Path, Path]) -> None:
    # a certificate authority was given, so even a loopback address is spoken to with TLS
    client = open_registry(registry.address, ca_file=str(certificate[0]), pause_seconds=lambda _: None)
    for ask in (Repository(client, "app").tags, lambda: Repository(client, "app").has_manifest("1")):
        with pytest.raises(RegistryError, match="does not speak TLS") as caught:
            ask()
        assert "registry.plain_http: true" in caught.value.remedy


def test_the_systems_authorities_are_read_only_for_tls(
    registry: LoopbackRegistry, certificate: tuple[Path, Path]
) -> None:
    client = open_registry(registry.address)
    for ask in (Repository(client, "app").tags, lambda: Repository(client, "app").has_manifest("1")):
        with suppress(RegistryError):
            ask()
    assert client._transport._trust._context is None
    assert open_registry(registry.address, ca_file=str(certificate[0]))._transport._trust._context is not None
    with suppress(RegistryError):  # nobody speaks TLS there
        client.fetch(Request("GET", f"https://{registry.address}/v2/", "it", ()))
    assert client._transport._trust._context is not None


def test_a_custom_certificate_authority_is_trusted_and_only_when_given(certificate: tuple[Path, Path]) -> None:
    server = HTTPServer(("127.0.0.1", 0), _NoTags)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        host = f"localhost:{server.server_address[1]}"
        client = open_registry(host, ca_file=str(certificate[0]))
        assert Repository(client, "app").tags() == ("of-tls",)
        client.close()
        again = open_registry(host, ca_file=str(certificate[0]))  # a redirect may be written like this
        assert again.fetch(Request("GET", f"HTTPS://{host}/v2/app/tags/list", "it", ())).status == 200
        again.close()
        assert Repository(client, "app").blob_size("of-tls") == 7
        client.close()
        stranger = open_registry(host, ca_file=str(certificate[1].with_name("other.pem")))
        for ask in (Repository(stranger, "app").tags, lambda: Repository(stranger, "app").has_manifest("1")):
            with pytest.raises(RegistryError, match="certificate is not trusted"):
                ask()
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_an_unusable_certificate_authority_is_named(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    for name in ("ca.pem", "absent.pem"):
        with pytest.raises(RegistryError, match=name):
            open_registry("registry.example", ca_file=str(tmp_path / name))


def test_pushing_what_is_there_sends_nothing(registry: LoopbackRegistry) -> None:
    push_image(registry, {"a": b"1"})
    registry.put_blob("app", BLOB)
    assert registry.repository().push_blob(BLOB) == 0
    assert registry.asked("POST") == []


class _NoTags(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"tags": ["of-tls"]}')

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "7")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A self-signed certificate for localhost, and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl program to make a certificate with")
    folder = tmp_path_factory.mktemp("tls")
    files = folder / "ca.pem", folder / "key.pem"
    request = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    names = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    for certificate, key in (files, (folder / "other.pem", folder / "other-key.pem")):
        subprocess.run([*request, *names, "-out", certificate, "-keyout", key], check=True, capture_output=True)
    return files
