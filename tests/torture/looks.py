"""What is there of a project after something happened: containers, networks, volumes, notes, locks, data."""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel
from tests.podman import bed

from containers.app import Application
from containers.model.base import ContainerId, ProjectName, ServiceName
from containers.model.errors import PodkeeperError
from containers.model.project import ResolvedProject
from containers.planning.labels import CONFIG_HASH
from containers.ports.engine import ContainerEngine

PROOF = "/data/proof"
"""The file in the volume of `db` that must outlive everything."""


class Seen(BaseModel):
    """A container, as far as it matters here."""

    id: str
    hash: str
    running: bool
    health: str


class Look(BaseModel):
    """Everything of a project on the engine and in the state folder."""

    containers: dict[str, Seen] = {}
    networks: list[str] = []
    volumes: list[str] = []
    open: list[str] = []
    """Transactions that nobody has ended."""
    staged: bool = False
    """Whether a revision is staged."""
    damaged: list[str] = []
    locked: bool = False
    proof: str = ""


async def look(app: Application, project: ProjectName) -> Look:
    """Look at everything."""
    engine = await app.engine()
    observed = await engine.snapshot(project)
    db = next((c for c in observed.containers if c.service == "db" and c.is_running), None)
    proof = await _proof(engine, db.id) if db else ""
    return Look(
        containers={
            c.name: Seen(id=c.id, hash=c.labels.get(CONFIG_HASH, ""), running=c.is_running, health=c.health)
            for c in observed.containers
        },
        networks=sorted(n.name for n in observed.networks if n.name.startswith(project)),
        volumes=sorted(v.name for v in observed.volumes if v.name.startswith(project)),
        open=[str(t.record.transaction) for t in await app.journal.unfinished(project, engine.store)],
        staged=any((app.settings.state_dir / "revisions").glob("*/staged")),
        damaged=[d.message for d in await app.revisions.damages(project, engine.store)],
        locked=await _is_locked(app, project),
        proof=proof,
    )


async def _proof(engine: ContainerEngine, db: ContainerId) -> str:
    """What the file says; empty where there is none. Asked again where Podman loses the answer."""
    async with asyncio.timeout(30):
        while True:
            done = await engine.execute(db, (*bed.FRAME, "sh", "-c", f"cat {PROOF} 2>/dev/null || true"), 5.0)
            if (said := bed.framed(done.output)) is not None:
                return said.strip()


async def _is_locked(app: Application, project: ProjectName) -> bool:
    try:
        async with app.locks.hold(project, "look"):
            return False
    except PodkeeperError:
        return True


def differences(before: Look, now: Look) -> Iterator[str]:
    """How `now` is not the very stack of `before`; nothing where it is."""
    yield from _compare("containers", {n: c.id for n, c in before.containers.items()}, now)
    for name, was in before.containers.items():
        found = now.containers.get(name)
        if found is not None and found.running != was.running:
            yield f"{name} {'runs' if found.running else 'does not run'}, other than before"
        if found is not None and found.running and found.health != was.health:
            yield f"{name} was {was.health} and is {found.health}"
    if before.networks != now.networks:
        yield f"networks: {before.networks} became {now.networks}"
    if before.volumes != now.volumes:
        yield f"volumes: {before.volumes} became {now.volumes}"


def _compare(what: str, wanted: Mapping[str, str], now: Look) -> Iterator[str]:
    found = {name: c.id for name, c in now.containers.items()}
    for name in sorted(wanted.keys() | found.keys()):
        if wanted.get(name) != found.get(name):
            yield f"{what}: {name} was {wanted.get(name, '-')[:12]} and is {found.get(name, '-')[:12]}"


def shortcomings(project: ResolvedProject, now: Look) -> Iterator[str]:
    """How `now` is not what `project` says; nothing where it is."""
    wanted = {
        project.container_name(s, number): s for s in project.services.values() for number in _numbers(s)
    }
    for name in sorted(wanted.keys() | now.containers.keys()):
        service, found = wanted.get(name), now.containers.get(name)
        if service is None or found is None:
            yield f"{name} is {'missing' if found is None else 'left over'}"
        elif found.hash != service.config_hash:
            yield f"{name} is not what the file says"
        elif not found.running:
            yield f"{name} does not run"
        elif service.health_check is not None and found.health != "healthy":
            yield f"{name} is {found.health}"
    for kind, declared, here in (
        ("network", project.networks, now.networks),
        ("volume", project.volumes, now.volumes),
    ):
        names = {r.name for r in declared.values()}
        yield from (f"the {kind} {name} is missing" for name in sorted(names - set(here)))
        yield from (f"the {kind} {name} is left over" for name in sorted(set(here) - names))


def _numbers(service: Any) -> range:
    return range(1, service.replicas + 1)


def leftovers(now: Look) -> Iterator[str]:
    """What an ended transaction must not leave."""
    yield from (
        f"{name} has a temporary name" for name in now.containers if "_old_" in name or "_new_" in name
    )
    yield from (f"the transaction {name} is open" for name in now.open)
    yield from (f"damaged: {message}" for message in now.damaged)
    if now.staged:
        yield "a revision is staged"
    if now.locked:
        yield "the lock is held"


async def write_proof(app: Application, project: ProjectName, token: str) -> None:
    """Put data into the volume."""
    engine = await app.engine()
    observed = await engine.snapshot(project)
    for container in observed.of_service(ServiceName("db")):
        done = await engine.execute(container.id, ("sh", "-c", f"echo {token} > {PROOF}"), 60.0)
        assert done.exit_code == 0, done.output


def sweep(url: str, project: str) -> None:
    """Remove whatever is left of a project."""
    bed.remove_project(url, project)
