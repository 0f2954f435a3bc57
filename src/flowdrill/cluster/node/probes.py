"""Probes: whether a container has started, lives, and can serve."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from flowdrill.cluster.api.resource_types import Json

RunCommand = Callable[[list[str], float], Awaitable[tuple[int, str]]]  # argv, timeout -> exit code, output
_REDIRECTS = (301, 302, 303, 307, 308)
_MOST_REDIRECTS = 10


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """One probe's outcome; `message` says why it failed."""

    good: bool
    message: str = ""


@dataclass(frozen=True, slots=True)
class Prober:
    """Asks one container: at its pod's address, with its named ports, or by a command beside it."""

    address: str
    ports: dict[str, int]
    run: RunCommand

    async def ask(self, probe: Json) -> ProbeResult:
        """Return what one probe finds, within its timeout."""
        timeout = max(1, probe.get("timeoutSeconds") or 1)
        try:
            async with asyncio.timeout(timeout):  # not wait_for: before 3.12 that may lose a cancellation
                return await self._ask(probe, timeout)
        except TimeoutError:
            if probe.get("httpGet"):
                url = self._url(probe["httpGet"])
                return ProbeResult(False, f'Get "{url}": context deadline exceeded (Client.Timeout exceeded)')
            return ProbeResult(False, f"command timed out after {timeout}s" if probe.get("exec") else "i/o timeout")
        except (OSError, ValueError) as error:
            where = self._url(probe["httpGet"]) if probe.get("httpGet") else "tcp"
            return ProbeResult(False, f'Get "{where}": {error}' if probe.get("httpGet") else f"dial tcp: {error}")

    async def _ask(self, probe: Json, timeout: float) -> ProbeResult:
        if probe.get("exec"):
            code, output = await self.run(list(probe["exec"].get("command") or ()), timeout)
            return ProbeResult(code == 0, output)
        if probe.get("tcpSocket"):
            target = probe["tcpSocket"]
            _, writer = await asyncio.open_connection(target.get("host") or self.address, self._port(target["port"]))
            writer.close()
            return ProbeResult(True)
        if probe.get("httpGet"):
            status = await self._http_status(probe["httpGet"])
            good = 200 <= status < 400  # a redirect to another host is good, too: nobody follows it
            return ProbeResult(good, "" if good else f"HTTP probe failed with statuscode: {status}")
        return ProbeResult(False, "the embedded cluster has no probe of this kind")

    async def _http_status(self, target: Json) -> int:
        if str(target.get("scheme", "HTTP")).upper() != "HTTP":
            raise ValueError("the embedded cluster probes plain HTTP only")
        host, port = target.get("host") or self.address, self._port(target["port"])
        given = [(str(one["name"]), str(one.get("value") or "")) for one in target.get("httpHeaders") or ()]
        usual = [("Host", f"{host}:{port}"), ("User-Agent", "kube-probe/1.36"), ("Accept", "*/*")]
        known = {name.lower() for name, _ in given}
        headers = [*(one for one in usual if one[0].lower() not in known), *given, ("Connection", "close")]
        url = f"http://{host}:{port}/{str(target.get('path') or '').removeprefix('/')}"
        for _ in range(_MOST_REDIRECTS):
            status, location = await _asked(url, headers)
            following = urljoin(url, location or "")
            if location is None or urlsplit(following).hostname != urlsplit(url).hostname:
                return status
            url = following
        raise ValueError(f"stopped after {_MOST_REDIRECTS} redirects")

    def _port(self, port: int | str) -> int:
        number = int(port) if isinstance(port, int) or port.isdecimal() else self.ports.get(port)
        if number is None:
            raise ValueError(f"couldn't find port: {port}")
        if not 0 < number < 65536:
            raise ValueError(f"invalid port number: {number}")
        return number

    def _url(self, target: Json) -> str:
        port = self.ports.get(str(target.get("port")), target.get("port"))
        return f"http://{target.get('host') or self.address}:{port}{target.get('path') or '/'}"


async def _asked(url: str, headers: list[tuple[str, str]]) -> tuple[int, str | None]:
    """Return the status and, of a redirect, where to; OSError, ValueError."""
    parts = urlsplit(url)
    if parts.scheme != "http":
        return 302, None
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 80)
    try:
        path = parts._replace(scheme="", netloc="", fragment="").geturl() or "/"
        lines = [f"GET {path} HTTP/1.1", *(f"{name}: {text}" for name, text in headers)]
        writer.write("\r\n".join([*lines, "", ""]).encode())
        status, location = int((await reader.readuntil(b"\r\n")).split(b" ")[1]), None
        while status in _REDIRECTS and (line := await reader.readuntil(b"\r\n")) != b"\r\n":
            name, _, text = line.decode("latin-1").partition(":")
            if name.strip().lower() == "location":
                location = text.strip()
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, IndexError) as error:
        raise ValueError("malformed HTTP response") from error
    finally:
        writer.close()
    return status, location


async def probing(prober: Prober, probe: Json, tell: Callable[[bool], None], failed: Callable[[str], None]) -> None:
    """Probe for ever: `tell` is called with every verdict that a threshold confirms, `failed` with every failure."""
    good = bad = 0
    await asyncio.sleep(probe.get("initialDelaySeconds") or 0)
    now = asyncio.get_running_loop().time
    due = now()
    while True:
        result = await prober.ask(probe)
        good, bad = (good + 1, 0) if result.good else (0, bad + 1)
        if not result.good:
            failed(result.message)
        if good >= (probe.get("successThreshold") or 1):
            tell(True)
        if bad >= (probe.get("failureThreshold") or 3):
            tell(False)
        due = max(due + max(1, probe.get("periodSeconds") or 10), now())  # however long the answer took
        await asyncio.sleep(due - now())
