"""Checks from outside, against servers on this machine."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from containers.adapters.network_probe import NetworkProber
from containers.model.health import HealthState
from containers.model.own_config import OutsideProbe

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], object]


@asynccontextmanager
async def server(answer: bytes | None, *, reads: bool = True) -> AsyncIterator[int]:
    """A server that answers so (None: not at all, and hangs up only when it ends); its port."""
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if reads:
            await reader.readline()
        if answer is None:
            await ended.wait()
        else:
            writer.write(answer)
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        ended.set()
        listening.close()
        await listening.wait_closed()


async def ask(port: int, **probe: object) -> tuple[HealthState, str]:
    """One try."""
    settings = OutsideProbe.model_validate({"kind": "http", "port": 1, "timeout_s": 30, **probe})
    found = await NetworkProber().probe("127.0.0.1", port, settings)
    assert found.exit_code == int(found.state is HealthState.UNHEALTHY)
    return found.state, found.output


@pytest.mark.parametrize(
    ("answer", "probe", "said"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", {}, ""),
        (b"HTTP/1.1 302 Found\r\n\r\n", {}, ""),
        (b"HTTP/1.1 503 No\r\n\r\n", {"path": "/ready"}, "/ready answers 503"),
        (b"HTTP/1.1 200 OK\r\n\r\n", {"statuses": (204,)}, "/ answers 200"),
        (b"SSH-2.0-x\r\n", {}, "what answers does not speak HTTP"),
        (b"", {}, "what answers does not speak HTTP"),
    ],
)
async def test_an_http_answer_is_well_by_its_status(
    answer: bytes, probe: dict[str, object], said: str
) -> None:
    """200 to 399, or what was asked for."""
    async with server(answer) as port:
        assert await ask(port, **probe) == (HealthState.UNHEALTHY if said else HealthState.HEALTHY, said)


async def test_what_does_not_answer_in_time_or_at_all_is_not_well() -> None:
    """A server that hangs, and a port that nobody listens on."""
    async with server(None) as port:
        state, said = await ask(port, timeout_s=0.3)
        assert (state, "within 0.3 seconds" in said) == (HealthState.UNHEALTHY, True)
    assert (await ask(port))[0] is HealthState.UNHEALTHY
    assert (await ask(port, kind="tcp"))[0] is HealthState.UNHEALTHY


async def test_a_port_that_accepts_is_well_unless_it_hangs_up_at_once() -> None:
    """As the forwarder of rootless Podman does where nobody listens behind it."""
    async with server(None) as port:
        assert (await ask(port, kind="tcp"))[0] is HealthState.HEALTHY
    async with server(b"", reads=False) as port:
        assert (await ask(port, kind="tcp"))[0] is HealthState.UNHEALTHY
    async with server(b"220 mail\r\n", reads=False) as port:
        assert (await ask(port, kind="tcp"))[0] is HealthState.HEALTHY
