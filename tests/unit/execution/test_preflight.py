"""Preflight: each thing that would stop a plan half-way, and what must not be taken for one."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.fakes import projects
from tests.fakes.fake_engine import FakeEngine
from tests.fakes.fake_host import FakeHost
from tests.fakes.manual_clock import ManualClock

from containers.execution.preflight import Preflight
from containers.model.base import ContainerId
from containers.model.errors import ErrorCode, TranslationError
from containers.model.observed import EngineInfo, EngineVersion, ObservedNetwork
from containers.model.outcome import Problem
from containers.model.project import ResolvedProject
from containers.planning.options import UpOptions
from containers.planning.up import plan_up
from containers.ports.translation import ContainerRecipe, Translation

ROOTLESS = EngineInfo(
    version="4.3.1",
    rootless=True,
    socket="fake:",
    chosen_because="it is a fake",
    selinux=True,
    first_unprivileged_port=1024,
)
STATE = Path("/state")
PORT = {"target": 80, "published": "8080", "protocol": "tcp"}


class Translator:
    """The port `ComposeTranslator`, which is not installed."""

    async def describe(self) -> str:
        """It is missing."""
        raise TranslationError(ErrorCode.COMPOSE_PROVIDER_MISSING, "podman-compose is not installed")

    async def translate(self, project: ResolvedProject, engine: EngineVersion) -> Translation:
        """Preflight translates nothing."""
        raise NotImplementedError


class Scene:
    """An engine and a machine on which plans are looked at."""

    def __init__(self, info: EngineInfo | None = None) -> None:
        self.engine = FakeEngine(ManualClock(), images=[projects.BUSYBOX], info=info)
        self.host = FakeHost()
        self.networks: tuple[ObservedNetwork, ...] = ()
        self.environ: dict[str, str] = {}

    async def stranger(self, name: str, *options: str, service: str = "") -> ContainerId:
        """A running container; of the project's where it has a service."""
        labels: dict[str, str] = {}
        if service:
            for key in ("com.docker.compose", "io.podman.compose"):
                labels |= {f"{key}.project": "demo", f"{key}.service": service}
        recipe = ContainerRecipe(service=service or "x", options=options, image=projects.BUSYBOX)
        made = await self.engine.create_container(name, recipe, labels)
        await self.engine.start_container(made)
        return made

    async def found(self, project: ResolvedProject, options: UpOptions | None = None) -> tuple[Problem, ...]:
        """What is said about bringing a project up."""

        async def engine() -> FakeEngine:
            return self.engine

        images = [s.image for s in project.services.values()]
        observed = await self.engine.snapshot(project.name, images)
        observed = observed.model_copy(update={"networks": (*observed.networks, *self.networks)})
        look = Preflight(
            engine=engine, host=self.host, translator=Translator, environ=self.environ, state_dir=STATE
        )
        return await look(project, plan_up(project, observed, options), observed)

    async def codes(self, project: ResolvedProject, options: UpOptions | None = None) -> set[str]:
        """The codes alone, without that of the missing translator, which only joins others."""
        found = {str(p.code) for p in await self.found(project, options)}
        return found - {"compose_provider_missing"}


def app(**service: Any) -> ResolvedProject:
    """A project of one service."""
    return projects.project(services={"app": service})


async def test_nothing_in_the_way_is_no_problem() -> None:
    """Also without podman-compose: that is for translating to say."""
    assert await Scene().found(app(ports=[PORT])) == ()


@pytest.mark.parametrize("holder", ["process nginx (12)", ""])
async def test_a_port_that_a_process_has_is_told(holder: str) -> None:
    """With the process where it can be seen; what else is wrong joins it."""
    scene = Scene()
    scene.host.listening[8080] = holder
    found = await scene.found(app(ports=[PORT]))
    by = f" by {holder}" if holder else ""
    assert found[0].message.endswith(f"port 8080 is already in use{by}")
    assert [p.code for p in found] == [ErrorCode.PORT_IN_USE, ErrorCode.COMPOSE_PROVIDER_MISSING]


async def test_a_port_that_another_container_has_is_told_once() -> None:
    """By the container's name, not by that of the process which has it open."""
    scene = Scene()
    await scene.stranger("other", "-p", "8080:80")
    scene.host.listening[8080] = "process conmon (3)"
    taken = [p for p in await scene.found(app(ports=[PORT])) if p.code is ErrorCode.PORT_IN_USE]
    assert [p.message.partition("by ")[2] for p in taken] == ["the container other"]


async def test_a_port_of_another_address_is_free() -> None:
    """Two addresses do not exclude each other."""
    scene = Scene()
    await scene.stranger("other", "-p", "127.0.0.2:8080:80")
    assert await scene.codes(app(ports=[{**PORT, "host_ip": "127.0.0.1"}])) == set()


async def test_what_a_replaced_container_has_is_free() -> None:
    """Its name and its port go to the new one."""
    scene = Scene()
    await scene.stranger("demo_app_1", "-p", "8080:80", service="app")
    scene.host.listening[8080] = "process conmon (3)"
    assert await scene.codes(app(ports=[PORT])) == set()


async def test_what_an_orphan_has_is_taken() -> None:
    """Nothing in the plan stops it."""
    scene = Scene()
    await scene.stranger("demo_gone_1", "-p", "8080:80", service="gone")
    assert await scene.codes(app(ports=[PORT])) == {"port_in_use"}


@pytest.mark.parametrize("service", [{"network_mode": "host"}, {"scale": 1}])
async def test_ports_of_containers_that_do_not_start_are_not_looked_at(service: Mapping[str, Any]) -> None:
    """Nor those of a service that shares the host's network."""
    scene = Scene()
    scene.host.listening[8080] = ""
    options = None if "network_mode" in service else UpOptions(start=False)
    assert await scene.codes(app(ports=[PORT], **service), options) == set()


async def test_each_replica_is_looked_for_on_its_own_port_of_a_range() -> None:
    """The first has the range's first port."""
    scene = Scene()
    scene.host.listening |= {8001: "", 8002: ""}
    ports = [{**PORT, "published": "8000-8005"}]
    found = await scene.found(app(ports=ports), UpOptions(scale={"app": 2}))
    assert [p.message for p in found if p.code is ErrorCode.PORT_IN_USE] == ["port 8001 is already in use"]


async def test_images_that_nobody_may_fetch_are_told_all_at_once() -> None:
    """One that is fetched is none of them."""
    scene = Scene()
    services = {n: {"image": f"no/{n}", "pull_policy": "never"} for n in ("a", "b")} | {
        "c": {"image": "no/c"}
    }
    found = await scene.found(projects.project(services=services))
    assert [p.service for p in found if p.code is ErrorCode.IMAGE_NOT_FOUND] == ["a", "b"]


async def test_a_bind_source_must_be_there_only_where_it_may_not_be_made() -> None:
    """Compose's short form makes a folder."""
    volume = {"type": "bind", "source": "/data", "target": "/d"}
    assert await Scene().codes(app(volumes=[volume])) == set()
    strict = {**volume, "bind": {"create_host_path": False}}
    assert await Scene().codes(app(volumes=[strict])) == {"path_unreadable"}


async def test_a_bind_source_must_be_readable_by_podmans_user() -> None:
    """With a word on SELinux where that may be the reason."""
    volumes = [{"type": "bind", "source": "/data", "target": "/d"}]
    for info, expected in ((None, False), (ROOTLESS, True)):
        scene = Scene(info)
        scene.host.there = scene.host.closed = {Path("/data")}
        found = await scene.found(app(volumes=volumes))
        told = [p for p in found if p.code is ErrorCode.PATH_UNREADABLE]
        assert bool(told) is expected
        assert all("SELinux" in p.remedy for p in told)


async def test_missing_secrets_and_configs_are_told_all_at_once() -> None:
    """Files and variables alike."""
    project = projects.project(
        services={
            "app": {
                "secrets": [{"source": "word"}, {"source": "key"}],
                "configs": [{"source": "conf"}],
            }
        },
        secrets={"word": {"environment": "WORD"}, "key": {"file": "/key"}},
        configs={"conf": {"content": "here"}},
    )
    scene = Scene()
    found = await scene.found(project)
    told = [p.message for p in found if p.code is ErrorCode.SECRET_MISSING]
    assert told == ["secret word: the variable WORD is not set", "secret key: there is no file /key"]
    scene.environ["WORD"] = ""
    scene.host.there.add(Path("/key"))
    assert await scene.codes(project) == set()


async def test_an_ordinary_user_can_not_publish_roots_ports() -> None:
    """Root can."""
    project = app(ports=[{**PORT, "published": "80"}])
    assert await Scene(ROOTLESS).codes(project) == {"permission_denied"}
    assert await Scene().codes(project) == set()


async def test_a_name_that_a_stranger_has_is_told() -> None:
    """Whether or not it runs."""
    scene = Scene()
    made = await scene.stranger("mine")
    await scene.engine.stop_container(made)
    assert await scene.codes(app(container_name="mine")) == {"name_in_use"}


@pytest.mark.parametrize("folder", [STATE, Path("/images/0")])
async def test_a_full_disk_is_told(folder: Path) -> None:
    """That of the records, and that of the images."""
    scene = Scene()
    scene.host.free[folder] = 1 << 20
    assert await scene.codes(app()) == {"no_space"}


@pytest.mark.parametrize(("subnet", "owner"), [("10.7.1.0/24", "the network other"), ("10.8.0.0/16", "eth0")])
async def test_a_subnet_that_is_taken_is_told(subnet: str, owner: str) -> None:
    """By a network, or by this machine."""
    scene = Scene()
    scene.networks = (ObservedNetwork(name="other", subnets=("10.7.0.0/16", "fd00::/64")),)
    scene.host.routes = {"10.8.3.0/24": "eth0", "10.7.0.0/16": "podman1"}
    project = projects.project(
        services={"app": {"networks": {"own": {}}}},
        networks={"own": {"ipam": {"config": [{"subnet": subnet}]}}},
    )
    (told,) = [p for p in await scene.found(project) if p.code is ErrorCode.SUBNET_IN_USE]
    assert told.message.endswith(owner)


async def test_what_others_can_do_without_does_not_keep_them_from_running() -> None:
    """The plan warns about it."""
    scene = Scene()
    scene.host.listening[8080] = ""
    needs = {"extra": {"condition": "service_started", "required": False}}
    services: dict[str, dict[str, Any]] = {"app": {"depends_on": needs}, "extra": {"ports": [PORT]}}
    options = UpOptions(services=("app",))
    assert await scene.codes(projects.project(services=services), options) == set()
