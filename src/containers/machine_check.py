"""What `podkeeper doctor` looks at: the engine, podman-compose and this machine."""

import os
import tempfile
import time

from containers.event_integration import EngineProvider
from containers.model.errors import PodkeeperError
from containers.model.outcome import Check
from containers.ports.engine import ContainerEngine
from containers.ports.processes import PartNotes
from containers.ports.translation import ComposeTranslator
from containers.settings import Settings

_RECENTLY_NS = 60_000_000_000
_REMEDY = "The other parts go on; mend what the reason names. What was mended is taken up by itself."


async def examine(
    engine: EngineProvider, translator: ComposeTranslator, settings: Settings, parts: PartNotes | None = None
) -> tuple[Check, ...]:
    """What there is to know; never raises: what can not be asked is one of the answers.

    `parts` tells what does not work in the processes that keep stacks now.
    """
    provider = await _examine_provider(translator)
    state = _examine_state(settings)
    failed = _examine_parts(parts)
    try:
        connected = await engine()
        info = await connected.info()
    except PodkeeperError as error:
        return (
            Check(name="podman", ok=False, value=str(error), remedy=error.remedy),
            provider,
            state,
            *failed,
        )
    kind = "rootless" if info.rootless else "rootful"
    timers = "systemd timers" if info.health_driver == "systemd" else "Podkeeper (no systemd here)"
    found = {
        "podman": f"{info.version}, {kind}",
        "socket": f"{info.socket} ({info.chosen_because})",
        "runtime": info.runtime,
        "network": info.network_backend,
        "cgroups": f"{info.cgroup_version}, manager {info.cgroup_manager}",
        "event logger": info.events_logger,
        "deaths": _deaths(connected),
        "health checks": f"run by {timers}",
    }
    looks = [Check(name=name, ok=True, value=value) for name, value in found.items()]
    limits = [Check(name="limited", ok=True, value=limit) for limit in info.limits]
    return (*looks, state, await _examine_events(connected), provider, *limits, *failed)


def _deaths(engine: ContainerEngine) -> str:
    if engine.owner_uid is None:
        return "told by Podman's events alone, since it runs on another machine"
    if not hasattr(os, "pidfd_open"):
        return "told by Podman's events alone, since this system has no pidfd"
    return "told by the kernel (pidfd), then by Podman's events"


async def _examine_events(engine: ContainerEngine) -> Check:
    """Whether Podman's event log can be read."""
    recently_ns = time.time_ns() - _RECENTLY_NS
    try:
        noted = await engine.past_events(recently_ns)
    except PodkeeperError as error:
        return Check(name="events", ok=False, value=str(error), remedy=error.remedy)
    return Check(name="events", ok=True, value=f"can be read ({len(noted)} in the last minute)")


def _examine_state(settings: Settings) -> Check:
    """Whether the state folder can be written to; without it nothing is applied, and nothing supervised."""
    folder = settings.state_dir
    try:
        for part in (folder, folder / "supervision", folder / "locks"):
            part.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=part, buffering=0) as file:
                file.write(b"podkeeper")  # a disk that is full takes a file all the same
        return Check(name="state folder", ok=True, value=str(folder))
    except OSError as error:
        return Check(
            name="state folder",
            ok=False,
            value=f"{folder} can not be used: {error.strerror}",
            remedy="Make room or look at its owner, or set PODKEEPER_STATE_DIR to another folder.",
        )


def _examine_parts(parts: PartNotes | None) -> tuple[Check, ...]:
    """What does not work in the editor's server, or where a stack is monitored."""
    noted = parts.read() if parts is not None else {}
    return tuple(
        Check(name=part, ok=False, value=f"does not work in process {pid}: {reason}", remedy=_REMEDY)
        for pid, failed in sorted(noted.items())
        for part, reason in failed.items()
    )


async def _examine_provider(translator: ComposeTranslator) -> Check:
    try:
        return Check(name="podman-compose", ok=True, value=await translator.describe())
    except PodkeeperError as error:
        return Check(name="podman-compose", ok=False, value=str(error), remedy=error.remedy)
