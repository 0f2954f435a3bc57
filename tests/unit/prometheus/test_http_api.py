"""Asking a server that may be anything: what it may do, and what is never given away."""

from __future__ import annotations

import json
import ssl
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from flowdrill.cluster.certificates import make_certificates
from flowdrill.edges.prometheus.http_api import HttpApi, Limits
from flowdrill.edges.prometheus.login import Login, login_of
from flowdrill.errors import AlertSourceAwayError, AlertSourceError, PlanError, QueryRefusedError
from flowdrill.model.detect_plan import PrometheusPlan
from tests.unit.prometheus.fake_server import bad_data, ok, serving

QUICK = Limits(connect_seconds=1, silence_seconds=0.3, whole_seconds=0.6, largest_bytes=10_000)
TOKEN = "s3cr3t-t0ken"


def plan_of(**fields: Any) -> PrometheusPlan:
    plan = {"url": "http://127.0.0.1:1", "alerts": {"A": {}}, **fields}
    return PrometheusPlan.model_validate_json(json.dumps(plan))


def api_to(url: str, login: Login | None = None, limits: Limits = QUICK) -> HttpApi:
    login = login or Login({}, ssl.create_default_context())
    return HttpApi(url, login, name="Prometheus", key="detect.prometheus", limits=limits)


def test_it_asks_with_get_the_prefix_the_headers_and_the_token() -> None:
    plan = plan_of(headers={"X-Scope-OrgID": "team-a"}, bearer_token_from="T")
    login = login_of(plan, "detect.prometheus", Path(), {"T": TOKEN})
    with serving() as fake:
        fake.answers["/mimir/prometheus/api/v1/rules"] = ok({"groups": []})
        answer = api_to(f"{fake.url}/mimir/prometheus", login).get("/api/v1/rules", [("type", "alert")])
    assert answer.body == ok({"groups": []})
    assert answer.sent_ns <= answer.received_ns
    (asked,) = fake.asked
    assert (asked.method, asked.query) == ("GET", {"type": "alert"})
    assert asked.headers["X-Scope-OrgID"] == "team-a"
    assert asked.headers["Authorization"] == f"Bearer {TOKEN}"
    assert login.secrets == (TOKEN,)
    assert TOKEN not in repr(login)


def test_a_user_and_a_password_are_sent_as_basic_authentication() -> None:
    login = login_of(plan_of(username="u", password_from="P"), "k", Path(), {"P": "pw"})
    assert login.headers["Authorization"] == "Basic dTpwdw=="
    assert login.secrets == ("pw", "dTpwdw==")


@pytest.mark.parametrize(("environ", "says"), [({}, "is not set or empty"), ({"T": "a\u20acb"}, "no HTTP header")])
def test_a_secret_that_is_missing_or_unusable_is_the_plans_error(environ: dict[str, str], says: str) -> None:
    with pytest.raises(PlanError, match=says) as caught:
        login_of(plan_of(bearer_token_from="T"), "detect.prometheus", Path(), environ)
    assert "a\u20acb" not in str(caught.value)


@pytest.mark.parametrize("fields", [{"ca_file": "ca.pem"}, {"client_cert_file": "c.pem", "client_key_file": "k.pem"}])
def test_a_certificate_that_cannot_be_used_is_the_plans_error(fields: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="No such file"):
        login_of(plan_of(**fields), "detect.prometheus", tmp_path, {})
    for name in fields.values():
        (tmp_path / name).write_text("not PEM")
    with pytest.raises(PlanError, match="cannot be used as"):
        login_of(plan_of(**fields), "detect.prometheus", tmp_path, {})


def test_nobody_there_is_away() -> None:
    with pytest.raises(AlertSourceAwayError, match="cannot be reached"):
        api_to("http://127.0.0.1:9").get("/api/v1/rules")


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_busy_server_is_away(status: int) -> None:
    with serving() as fake:
        fake.answers["/x"] = (status, {}, b'{"error": "try later"}')
        with pytest.raises(AlertSourceAwayError, match=f"it answered {status}: try later"):
            api_to(fake.url).get("/x")


@pytest.mark.parametrize("status", [401, 403])
def test_credentials_that_are_refused_name_the_drills_keys_and_not_the_secret(status: int) -> None:
    login = Login({"Authorization": f"Bearer {TOKEN}"}, ssl.create_default_context(), (TOKEN,))
    with serving() as fake:
        fake.answers["/x"] = (status, {}, f"bad token {TOKEN}".encode())
        with pytest.raises(AlertSourceError, match="does not let these credentials in") as caught:
            api_to(fake.url, login).get("/x")
    assert "detect.prometheus.bearer_token_from" in caught.value.remedy
    assert TOKEN not in str(caught.value)


def test_a_redirect_is_not_followed_and_no_secret_goes_with_it() -> None:
    login = Login({"Authorization": f"Bearer {TOKEN}"}, ssl.create_default_context(), (TOKEN,))
    with serving() as elsewhere, serving() as fake:
        fake.answers["/x"] = (302, {"Location": f"{elsewhere.url}/login?token={TOKEN}"}, b"")
        with pytest.raises(AlertSourceError, match="sends elsewhere") as caught:
            api_to(fake.url, login).get("/x")
    assert elsewhere.asked == []
    assert TOKEN not in str(caught.value)


def test_what_prometheus_says_against_a_query_is_passed_on_without_secrets_and_controls() -> None:
    login = Login({}, ssl.create_default_context(), (TOKEN,))
    with serving() as fake:
        fake.answers["/x"] = bad_data(f"parse error\x1b[31m {TOKEN}")
        with pytest.raises(QueryRefusedError) as caught:
            api_to(fake.url, login).get("/x")
    assert caught.value.problem == "parse error [31m [redacted]"


@pytest.mark.parametrize(
    ("headers", "body", "says"),
    [
        ({}, b"<html>login</html>", "does not answer with JSON"),
        ({}, b"", "does not answer with JSON"),
        ({}, b"[" * 9_000, "does not answer with JSON"),
        ({}, b" " * 20_000, "sent more than 10000 bytes"),
        ({"Content-Encoding": "gzip"}, b"\x1f\x8b\x08\x00", "does not answer with JSON"),
    ],
)
def test_answers_that_are_none_are_errors(headers: dict[str, str], body: bytes, says: str) -> None:
    with serving() as fake:
        fake.answers["/x"] = (200, headers, body)
        with pytest.raises(AlertSourceError, match=says):
            api_to(fake.url).get("/x")


def test_an_answer_that_does_not_come_is_away() -> None:
    ended = threading.Event()
    with serving(lambda _: bool(ended.wait(5)) and None) as fake:
        with pytest.raises(AlertSourceAwayError, match="cannot be reached"):
            api_to(fake.url).get("/x")
        ended.set()


def test_an_answer_that_drips_is_away_in_the_end() -> None:
    ended = threading.Event()

    def drip(file: Any) -> None:
        file.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        while not ended.wait(0.05):
            file.write(b" ")

    with serving(drip) as fake:
        with pytest.raises(AlertSourceAwayError, match=r"not whole after 0\.6 s"):
            api_to(fake.url).get("/x")
        ended.set()


@pytest.mark.parametrize(
    "raw", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", b"HTTP/1.1 99999 X\r\n\r\n"]
)
def test_broken_http_is_away(raw: bytes) -> None:
    with serving(lambda file: file.write(raw)) as fake, pytest.raises(AlertSourceAwayError):
        api_to(fake.url).get("/x")


def test_tls_to_a_server_without_it_is_an_error_with_the_key_of_the_certificate_authority() -> None:
    with serving() as fake, pytest.raises(AlertSourceError) as caught:
        api_to(fake.url.replace("http:", "https:")).get("/x")
    assert "detect.prometheus.ca_file" in caught.value.remedy


def self_signed(folder: Path) -> None:
    """Write `client.crt` and `client.key`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "drill")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
    made = made.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(hours=1))
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    (folder / "client.crt").write_bytes(made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "client.key").write_bytes(pem)


def test_tls_needs_the_servers_authority_and_the_client_certificate_that_it_asks_for(tmp_path: Path) -> None:
    make_certificates(tmp_path)
    self_signed(tmp_path)
    wants = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(tmp_path / "client.crt"))
    wants.load_cert_chain(tmp_path / "server.crt", tmp_path / "server.key")
    wants.verify_mode = ssl.CERT_REQUIRED
    both = {"ca_file": "ca.crt", "client_cert_file": "client.crt", "client_key_file": "client.key"}
    with serving(tls=wants) as fake:
        fake.answers["/x"] = [1]
        for fields in ({}, {"ca_file": "ca.crt"}):
            login = login_of(plan_of(**fields), "detect.prometheus", tmp_path, {})
            with pytest.raises(AlertSourceError):
                api_to(fake.url, login).get("/x")
        assert api_to(fake.url, login_of(plan_of(**both), "detect.prometheus", tmp_path, {})).get("/x").body == [1]
