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
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
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
_LOOK_AGAIN_S = 0.005
"""A start takes a hundred milliseconds, and makes the bridge in the first half of them."""


class BridgeAddresses:
    """Fixes a bridge's address as soon as it exists; until then the first container of a network joins alone.

    Asking Podman about a network takes long while it sets up another container, so what is known is kept:
    the networks of containers that were created here, and the bridges of networks.
    """

    def __init__(self, calls: PodmanCalls, url: str, *, local: bool) -> None:
        self._calls = calls
        self._is_needed = local and os.geteuid() == 0 and _is_roots(url)
        self._networks: dict[ContainerId, tuple[str, ...]] = {}
        self._bridges: dict[str, str] = {}
        """Network to bridge; empty for networks of another kind."""
        self._turns: dict[str, asyncio.Event] = {}
        """Bridges whose first container is joining; set when others may."""

    def created(self, container: ContainerId, networks: Iterable[str]) -> None:
        """Say which networks a new container will join."""
        if self._is_needed:
            self._networks[container] = tuple(networks)

    def forget(self, network: str) -> None:
        """Say that a network is made or removed: its bridge may be another from now on."""
        self._bridges.pop(network, None)

    @asynccontextmanager
    async def joining(self, container: ContainerId) -> AsyncIterator[None]:
        """Around a container's start. Whatever goes wrong here never fails the start."""
        bridges = await self._open_bridges(container) if self._is_needed else ()
        mine = [bridge for bridge in bridges if await self._take_turn(bridge)]
        if not mine:
            yield
            return
        were_there = any((_SYSFS / bridge).exists() for bridge in mine)
        fixer = _Fixer(mine, self._end_turn)
        try:
            yield
        finally:
            fixer.stop()
            fixer.look()
            for bridge in mine:
                self._end_turn(bridge)
        if not were_there and not fixer.has_fixed and all((_SYSFS / b).exists() for b in mine):
            self._is_needed = False  # fresh bridges, and somebody fixed them before us

    async def _take_turn(self, bridge: str) -> bool:
        """Wait while the bridge's first container joins; whether this one is now the first."""
        while turn := self._turns.get(bridge):
            await turn.wait()
        if _is_fixed(bridge):
            return False
        self._turns[bridge] = asyncio.Event()
        return True

    def _end_turn(self, bridge: str) -> None:
        if turn := self._turns.pop(bridge, None):
            turn.set()

    async def _open_bridges(self, container: ContainerId) -> tuple[str, ...]:
        """The bridges of the container's networks whose address may still change, in one order for all."""
        try:
            names = {await self._bridge_of(network) for network in await self._networks_of(container)}
        except (EngineError, AttributeError) as error:
            _log.debug("cannot tell the bridges of %s: %s", container[:12], error)
            return ()
        return tuple(sorted(name for name in names if name and not _is_fixed(name)))

    async def _networks_of(self, container: ContainerId) -> tuple[str, ...]:
        known = self._networks.pop(container, None)
        if known is not None:
            return known
        path = path_of("containers", container, "json")
        payload = await self._calls.json(path, doing="look at a container's networks")
        return tuple(payload.get("NetworkSettings", {}).get("Networks") or {})

    async def _bridge_of(self, network: str) -> str:
        known = self._bridges.get(network)
        if known is not None and (not known or known in self._turns or (_SYSFS / known).exists()):
            return known
        payload = await self._calls.json(path_of("networks", network, "json"), doing="look at a network")
        bridge = str(payload.get("network_interface", "")) if payload.get("driver") == "bridge" else ""
        self._bridges[network] = bridge
        return bridge


class _Fixer:
    """Looks for bridges until they exist, and fixes their addresses at once."""

    def __init__(self, bridges: Iterable[str], fixed: Callable[[str], None]) -> None:
        self.has_fixed = False
        self._open = set(bridges)
        self._tell = fixed
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(_LOOK_AGAIN_S, self._tick)

    def look(self) -> None:
        """Fix what is there by now."""
        for bridge in tuple(self._open):
            self.has_fixed |= _fix(bridge)
            if _is_fixed(bridge):
                self._open.discard(bridge)
                self._tell(bridge)

    def stop(self) -> None:
        """Look no more."""
        self._timer.cancel()

    def _tick(self) -> None:
        self.look()
        if self._open:
            self._timer = self._loop.call_later(_LOOK_AGAIN_S, self._tick)


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
