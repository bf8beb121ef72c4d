"""Random edits to a small random project, and what people do to its containers by hand meanwhile."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from typing_extensions import override

NAMES = ("a", "b", "c", "d", "e")
SOUND = ("fine", "checked")
BROKEN = ("exits", "unhealthy", "missing")
Action = Literal["up", "down", "restart", "stop", "start"]
Hand = Literal["stop", "start", "remove"]


class Turn(NamedTuple):
    """What happens next: somebody's hand on a container, or a verb of ours on what the file says then."""

    action: Action | None
    remove_orphans: bool = True
    hand: Hand | None = None
    service: str = ""

    @override
    def __str__(self) -> str:
        """As a line of a failure's account."""
        if self.hand:
            return f"by hand: {self.hand} {self.service}"
        return f"{self.action}{' --remove-orphans' if self.remove_orphans else ''}"


@dataclass
class Service:
    """A service as the edits see it; a `Dialect` makes a compose service of it."""

    kind: str = "fine"
    version: int = 0
    replicas: int = 1
    volumes: set[str] = field(default_factory=set)
    networks: set[str] = field(default_factory=lambda: {"default"})
    needs: set[str] = field(default_factory=set)


Dialect = Callable[[Service, Mapping[str, Service]], dict[str, Any]]
"""Makes a compose service of a service, which is in the way the engine needs it."""


class Edits:
    """A project that changes from turn to turn.

    Args:
        chance: where all decisions come from.
        dialect: how services are written for the engine that runs them.
    """

    def __init__(self, chance: random.Random, dialect: Dialect) -> None:
        self._chance = chance
        self._dialect = dialect
        self.services = {name: Service() for name in NAMES[: chance.randint(1, 4)]}

    def document(self) -> dict[str, Any]:
        """What the file says now."""
        services = {}
        for name, service in self.services.items():
            written = self._dialect(service, self.services)
            written["environment"] = {"V": str(service.version)}
            written["networks"] = sorted(service.networks)
            if service.replicas != 1:
                written["deploy"] = {"replicas": service.replicas}
            if service.volumes:
                written["volumes"] = [f"{v}:/{v}" for v in sorted(service.volumes)]
            if service.needs:
                written["depends_on"] = {n: {"condition": self._condition(n)} for n in sorted(service.needs)}
            services[name] = written
        networks = {n for s in self.services.values() for n in s.networks}
        volumes = {v for s in self.services.values() for v in s.volumes}
        return {
            "services": services,
            "networks": {n: {} for n in sorted(networks)},
            "volumes": {v: {} for v in sorted(volumes)},
        }

    def _condition(self, name: str) -> str:
        is_checked = self.services[name].kind in {"checked", "unhealthy"}
        return "service_healthy" if is_checked else "service_started"

    def turn(self) -> Turn:
        """Edit something, or not, and say what happens then."""
        dice = self._chance.random()
        if dice < 0.2:
            hand: Hand = self._chance.choice(("stop", "start", "remove"))
            return Turn(None, hand=hand, service=self._any())
        if dice < 0.35:
            return Turn(self._chance.choice(("down", "restart", "stop", "start")))
        for _ in range(self._chance.randint(0, 4)):
            self._edit()
        return Turn("up", remove_orphans=self._chance.random() < 0.7)

    def mend(self) -> None:
        """Make sound what is broken, as a person does after a failed apply."""
        for service in self.services.values():
            if service.kind in BROKEN:
                service.kind = "fine"

    def _any(self) -> str:
        return self._chance.choice(sorted(self.services))

    def _edit(self) -> None:
        chance = self._chance
        service = self.services[self._any()]
        match chance.randint(0, 10):
            case 0 | 1:
                service.version += 1
            case 2:
                self.services.setdefault(chance.choice(NAMES), Service(kind=chance.choice(SOUND)))
            case 3:
                self._drop(self._any())
            case 4:
                service.replicas = chance.randint(0, 3)
            case 5:
                service.volumes ^= {chance.choice(("data", "logs"))}
            case 6:
                service.networks = set(chance.choice((("default",), ("default", "n"), ("n",))))
            case 7:
                service.kind = chance.choice(SOUND)
            case 8 | 9:
                service.kind = chance.choice(BROKEN)
            case _:
                self._need()

    def _drop(self, name: str) -> None:
        if len(self.services) > 1:
            del self.services[name]
            for service in self.services.values():
                service.needs.discard(name)

    def _need(self) -> None:
        """A dependency, from a later name to an earlier one, so that there is no cycle."""
        first, second = sorted((self._any(), self._any()))
        if first != second:
            self.services[second].needs ^= {first}
