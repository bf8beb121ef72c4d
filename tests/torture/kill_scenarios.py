"""What is under way while it is killed: small stacks of all the kinds of things that a plan can touch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tests.podman.bed import IMAGE

from containers.compose_manager import ComposeManager
from containers.model.outcome import ComposeResult
from containers.planning.options import DownOptions, UpOptions

Document = Mapping[str, Any]
Verb = Literal["up", "down", "restart"]

_SERVE = "sleep infinity & wait"


def service(*, stops_after_s: float = 0.0, version: str = "1", **more: Any) -> dict[str, Any]:
    """A service that runs until it is stopped, and then takes its time."""
    script = f"trap 'sleep {stops_after_s}; exit 0' TERM; touch /tmp/ready; {_SERVE}"
    return {"image": IMAGE, "command": ["sh", "-c", script], "environment": {"V": version}, **more}


def needs(name: str, condition: str = "service_started") -> dict[str, Any]:
    """A `depends_on`."""
    return {name: {"condition": condition}}


_READY = "/tmp/ready"  # noqa: S108  (in the container)
_CHECK = {"test": ["CMD", "test", "-e", _READY], "interval": "30s", "retries": 3}
_BROKEN_CHECK = {"test": ["CMD", "false"], "interval": "100ms", "timeout": "100ms", "retries": 1}


def _stack(version: str, **more: Any) -> Document:
    services = {
        "db": service(version=version, healthcheck=_CHECK, volumes=["data:/data"]),
        "api": service(
            version=version,
            stops_after_s=0.4,
            healthcheck=_CHECK,
            depends_on=needs("db", "service_healthy"),
        ),
        "web": service(depends_on=needs("api")),
        **more,
    }
    return {"services": services, "volumes": {"data": {}}}


OLD = _stack("1", first=service(), second=service())
_extra = service(networks=["default", "side"], volumes=["more:/more"])
NEW: Document = {
    **_stack("2", extra=_extra),
    "volumes": {"data": {}, "more": {}},
    "networks": {"default": {}, "side": {}},
}
_broken = {**NEW["services"]["api"], "healthcheck": _BROKEN_CHECK}
BROKEN: Document = {**NEW, "services": {**NEW["services"], "api": _broken}}
SMALL = _stack("1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A verb, and what there is before it."""

    name: str
    before: Document | None
    """What runs; None for nothing."""
    document: Document
    """What the file says when the verb is begun."""
    verb: Verb = "up"
    ends: Literal["old", "new"] = "new"
    """What there is when nobody interferes."""
    kill_recovery_of: float | None = None
    """The verb is killed at this part of its instants, and then its recovery at each of its own."""


SCENARIOS = (
    Scenario(name="create", before=None, document=SMALL),
    Scenario(name="update", before=OLD, document=NEW),
    Scenario(name="rollback", before=OLD, document=BROKEN, ends="old"),
    Scenario(name="down", before=SMALL, document=SMALL, verb="down"),
    Scenario(name="restart", before=SMALL, document=SMALL, verb="restart", ends="old"),
    Scenario(name="recovery back", before=OLD, document=NEW, kill_recovery_of=0.7),
    Scenario(name="recovery forward", before=OLD, document=NEW, kill_recovery_of=0.93),
)


async def carry_out(manager: ComposeManager, verb: Verb) -> ComposeResult:
    """Do it."""
    match verb:
        case "up":
            return await manager.start_services(options=UpOptions(remove_orphans=True))
        case "down":
            return await manager.down(DownOptions(remove_orphans=True))
        case "restart":
            return await manager.restart_services()
