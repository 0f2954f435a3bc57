"""Probes: whether a container has started, lives, and can serve."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from flowdrill.cluster.api.resource_types import Json

RunCommand = Callable[[list[str], float], Awaitable[tuple[int, str]]]  # argv, timeout -> exit code, output
_MOST_ANSWER = 10 << 10


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
            return await asyncio.wait_for(self._ask(probe, timeout), timeout)
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
            good = 200 <= status < 400
            return ProbeResult(good, "" if good else f"HTTP probe failed with statuscode: {status}")
        return ProbeResult(False, "the embedded cluster has no probe of this kind")

    async def _http_status(self, target: Json) -> int:
        if str(target.get("scheme", "HTTP")).upper() != "HTTP":
            raise ValueError("the embedded cluster probes plain HTTP only")
        host, port = target.get("host") or self.address, self._port(target["port"])
        reader, writer = await asyncio.open_connection(host, port)
        try:
            headers = {"Host": f"{host}:{port}", "User-Agent": "kube-probe/1.36", "Accept": "*/*"}
            headers |= {str(one["name"]): str(one["value"]) for one in target.get("httpHeaders") or ()}
            lines = [f"GET {target.get('path') or '/'} HTTP/1.1", *(f"{k}: {v}" for k, v in headers.items())]
            writer.write("\r\n".join([*lines, "Connection: close", "", ""]).encode())
            answer = await reader.readuntil(b"\r\n")
            return int(answer.split(b" ")[1])
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, IndexError) as error:
            raise ValueError("malformed HTTP response") from error
        finally:
            writer.close()

    def _port(self, port: int | str) -> int:
        if isinstance(port, int) or port.isdigit():
            return int(port)
        if port not in self.ports:
            raise ValueError(f"couldn't find port: {port}")
        return self.ports[port]

    def _url(self, target: Json) -> str:
        port = self.ports.get(str(target.get("port")), target.get("port"))
        return f"http://{target.get('host') or self.address}:{port}{target.get('path') or '/'}"


async def probing(prober: Prober, probe: Json, tell: Callable[[bool], None], failed: Callable[[str], None]) -> None:
    """Probe for ever: `tell` is called with every verdict that a threshold confirms, `failed` with every failure."""
    good = bad = 0
    await asyncio.sleep(probe.get("initialDelaySeconds") or 0)
    while True:
        result = await prober.ask(probe)
        good, bad = (good + 1, 0) if result.good else (0, bad + 1)
        if not result.good:
            failed(result.message)
        if good >= (probe.get("successThreshold") or 1):
            tell(True)
        if bad >= (probe.get("failureThreshold") or 3):
            tell(False)
        await asyncio.sleep(max(1, probe.get("periodSeconds") or 10))
