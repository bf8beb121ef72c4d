"""Keeping a network's gateway reachable: a workaround for Podman's network layer before netavark 1.5.

There, a network's bridge gets no address of its own. Linux then gives it the lowest MAC address among its
ports, so the bridge's address changes when a container joins. Containers that already talked to the gateway,
which is also their name server, go on sending to the old address until their neighbour entry expires: names
do not resolve for up to 45 seconds. (Seen on Podman 4.3.1: every fifth start of an eight-service stack.)

Setting a bridge's address, if only to what it is, makes Linux keep it. That takes root, so it is done for the
local engine of root alone; newer versions of netavark set it themselves, which is noticed and left alone.
"""

import asyncio
import fcntl
import logging
import os
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from containers.adapters.podman_calls import PodmanCalls, path_of
from containers.model.base import ContainerId
from containers.model.errors import EngineError

_log = logging.getLogger(__name__)

_SYSFS = Path("/sys/class/net")
_SET_BY_SOMEBODY = "3"
"""`NET_ADDR_SET` of <linux/netdevice.h>, as `addr_assign_type` shows it."""
_SIOCSIFHWADDR = 0x8924
_ARPHRD_ETHER = 1


class BridgeAddresses:
    """Makes the first container of each network join alone, and fixes the bridge's address after it."""

    def __init__(self, calls: PodmanCalls, url: str, *, local: bool) -> None:
        self._calls = calls
        self._is_needed = local and os.geteuid() == 0 and _is_roots(url)
        self._turns: dict[str, asyncio.Lock] = {}

    @asynccontextmanager
    async def joining(self, container: ContainerId) -> AsyncIterator[None]:
        """Around a container's start. Whatever goes wrong here never fails the start."""
        bridges = await self._open_bridges(container) if self._is_needed else ()
        if not bridges:
            yield
            return
        async with AsyncExitStack() as turns:
            # Held while the container starts, which is the point: the next one must find the address fixed.
            for bridge in bridges:
                await turns.enter_async_context(self._turns.setdefault(bridge, asyncio.Lock()))
            were_there = any((_SYSFS / bridge).exists() for bridge in bridges)
            yield
            fixed = [_fix(bridge) for bridge in bridges]
            if not were_there and not any(fixed) and all((_SYSFS / b).exists() for b in bridges):
                self._is_needed = False  # fresh bridges, and somebody fixed them before us

    async def _open_bridges(self, container: ContainerId) -> tuple[str, ...]:
        """The bridges of the container's networks whose address may still change."""
        try:
            payload = await self._calls.json(
                path_of("containers", container, "json"), doing="look at a container's networks"
            )
            networks = payload.get("NetworkSettings", {}).get("Networks") or {}
            names = [await self._bridge_of(name) for name in networks]
        except (EngineError, AttributeError) as error:
            _log.debug("cannot tell the bridges of %s: %s", container[:12], error)
            return ()
        return tuple(sorted(name for name in names if name and not _is_fixed(name)))

    async def _bridge_of(self, network: str) -> str:
        payload = await self._calls.json(path_of("networks", network, "json"), doing="look at a network")
        return str(payload.get("network_interface", "")) if payload.get("driver") == "bridge" else ""


def _is_roots(url: str) -> bool:
    """Whether the socket is root's: the bridges of an ordinary user's Podman are in its own name space."""
    try:
        return Path(url.removeprefix("unix://")).stat().st_uid == 0
    except OSError:
        return False


def _is_fixed(bridge: str) -> bool:
    try:
        return (_SYSFS / bridge / "addr_assign_type").read_text().strip() == _SET_BY_SOMEBODY
    except OSError:
        return False  # it is not there yet


def _fix(bridge: str) -> bool:
    """Set the bridge's address to what it is; whether that was needed and done."""
    if _is_fixed(bridge):
        return False
    try:
        address = bytes.fromhex((_SYSFS / bridge / "address").read_text().strip().replace(":", ""))
        request = struct.pack("16sH14s", bridge.encode(), _ARPHRD_ETHER, address)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
            fcntl.ioctl(control, _SIOCSIFHWADDR, request)
    except OSError as error:
        _log.debug("cannot fix the address of %s: %s", bridge, error)
        return False
    return True
