"""Checks from outside: whether a port accepts a connection, or answers an HTTP request."""

import asyncio
import time
from contextlib import suppress

from containers.model.health import HealthState, ProbeResult
from containers.model.own_config import OutsideProbe

_STATUS_PARTS = 2
_WELL = range(200, 400)
_LONGEST_LINE_BYTES = 8192


class NetworkProber:
    """The port `OutsideProber`, on the event loop's own sockets."""

    async def probe(self, host: str, port: int, probe: OutsideProbe) -> ProbeResult:
        """Try once, within the probe's timeout; what went wrong is in the result, never raised."""
        began = time.monotonic()
        try:
            async with asyncio.timeout(probe.timeout_s):
                wrong = await self._wrong(host, port, probe)
        except TimeoutError:
            wrong = f"{host}:{port} did not answer within {probe.timeout_s:g} seconds"
        except (OSError, ValueError) as error:
            wrong = f"{host}:{port}: {error}"
        return ProbeResult(
            state=HealthState.UNHEALTHY if wrong else HealthState.HEALTHY,
            exit_code=1 if wrong else 0,
            output=wrong,
            duration_s=time.monotonic() - began,
        )

    async def _wrong(self, host: str, port: int, probe: OutsideProbe) -> str:
        """What is wrong with the answer; empty where it is well."""
        reader, writer = await asyncio.open_connection(host, port, limit=_LONGEST_LINE_BYTES)
        try:
            if probe.kind == "tcp":
                # Podman's rootless port forwarder accepts for a container that does not: it hangs up at once.
                return await _hung_up(reader, host, port)
            request = (
                f"GET {probe.path} HTTP/1.1\r\nHost: {host}:{port}\r\n"
                "User-Agent: podkeeper\r\nAccept: */*\r\nConnection: close\r\n\r\n"
            )
            writer.write(request.encode("latin-1"))
            await writer.drain()
            return _verdict(await reader.readline(), probe)
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


async def _hung_up(reader: asyncio.StreamReader, host: str, port: int) -> str:
    try:
        async with asyncio.timeout(0.05):
            said = await reader.read(1)
    except TimeoutError:
        return ""  # it waits for what we say, as a server does
    return "" if said else f"{host}:{port} closes the connection at once"


def _verdict(line: bytes, probe: OutsideProbe) -> str:
    """What is wrong with a status line."""
    parts = line.decode("latin-1").split()
    if len(parts) < _STATUS_PARTS or not parts[0].startswith("HTTP/") or not parts[1].isdigit():
        return "what answers does not speak HTTP"
    status = int(parts[1])
    is_well = status in probe.statuses if probe.statuses else status in _WELL
    return "" if is_well else f"{probe.path} answers {status}"
