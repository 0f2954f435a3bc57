"""A drill's load.url is the base of every request: no secret, query or fragment in it, and a port that exists."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from tests.fakes.world import drill_of


def url_read(url: str) -> str:
    load = {"url": url, "route": "lfx-run", "flow": "f", "expect": "v1", "requests_per_second": 20}
    return drill_of(load=load).load.url


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:30786", "https://flows.example/base/path", "http://[::1]:65535/", "https://h"]
)
def test_a_base_of_requests_is_taken_as_it_is(url: str) -> None:
    assert url_read(url) == url


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ftp://host", "needs http"),
        ("HTTP://host", "needs http"),
        ("host:80", "needs http"),
        ("http://", "needs http"),
        ("http:///path", "needs http"),
        ("http://:80", "a host"),
        ("http://host:", "a port"),
        ("http://host:0", "1 to 65535"),
        ("http://host:65536", "1 to 65535"),
        ("http://host:x", "1 to 65535"),
        ("http://[::1", "a host"),
        ("http://ho st", "a host"),
        ("http://host/a\n", "a host"),
        ("http://host?x=1", "query or a fragment"),
        ("http://host/?", "query or a fragment"),
        ("http://host/#top", "query or a fragment"),
    ],
)
def test_what_is_no_base_of_requests_is_refused(url: str, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        url_read(url)


@pytest.mark.parametrize("userinfo", ["s3cret", "user:s3cret", "s3cret:", "\u2100s3cret"])
def test_a_password_in_a_url_is_refused_and_not_repeated(userinfo: str) -> None:
    with pytest.raises(ValidationError) as caught:
        url_read(f"https://{userinfo}@host")
    assert "s3cret" not in caught.value.errors()[0]["msg"]
