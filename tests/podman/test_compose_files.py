"""Compose files as people write them, on real Podman: each goes up as written, and down to nothing."""

import asyncio
import json
import os
import textwrap
import uuid
from collections.abc import AsyncIterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from tests.podman import bed
from tests.podman.stack_services import free_ports

from containers.app import running
from containers.compose_manager import ComposeManager
from containers.environment_manager import Selection
from containers.model.base import ProjectName
from containers.model.errors import ErrorCode
from containers.model.outcome import Committed, ComposeResult
from containers.planning.options import DownOptions, UpOptions
from containers.project_changes import ChangeOptions
from containers.settings import EngineSettings, GateSettings, Settings

rootful_only = pytest.mark.parametrize(
    "podman_url", [pytest.param("rootful", marks=pytest.mark.rootful)], indirect=True
)
"""For files in a test's own folders, which another user could not read; and for names: a rootless Podman 4.3
that once found a port taken keeps a dead entry, at which its name server ends."""
SERVE = json.dumps(["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 3600 & wait $$!; done"])
KINDS = ("container", "network", "volume")


class Stack:
    """One project, with what Podman says of it."""

    def __init__(self, url: str, project: ProjectName, folder: Path, manager: ComposeManager) -> None:
        self.url = url
        self.project = project
        self.folder = folder
        self.manager = manager

    def write(self, text: str) -> None:
        """Write the compose file; `IMAGE` and `SERVE` stand for what they say."""
        text = textwrap.dedent(text).replace("IMAGE", bed.IMAGE).replace("SERVE", SERVE)
        (self.folder / "compose.yaml").write_text(text)

    async def up(self, options: UpOptions | None = None) -> tuple[str, ...]:
        """Bring it up, which must go well, and answer the warnings."""
        result = await self.try_up(options)
        assert result.ok, result.problems
        assert isinstance(result.outcome, Committed)
        return tuple(w.message for w in result.outcome.warnings)

    async def try_up(self, options: UpOptions | None = None) -> ComposeResult:
        """Bring it up, come what may."""
        return await self.manager.start_services(options=options)

    async def down(self) -> None:
        """Take it down; nothing of it is left."""
        result = await self.manager.down(DownOptions(volumes=True), ChangeOptions(timeout_s=0))
        assert result.ok, result.problems
        assert self.left() == []

    def left(self) -> list[str]:
        """The names of what carries the project's label."""
        label = f"label=com.docker.compose.project={self.project}"
        shown = ("{{.Names}}", "{{.Name}}", "{{.Name}}")
        return [
            name
            for kind, form in zip(KINDS, shown, strict=True)
            for name in bed.podman(
                self.url,
                kind,
                "ls",
                *(("-a",) if kind == "container" else ()),
                "--filter",
                label,
                "--format",
                form,
            ).split()
        ]

    def container(self, service: str, number: int = 1) -> dict[str, Any]:
        """What Podman says of a container."""
        found: list[dict[str, Any]] = json.loads(
            bed.podman(self.url, "inspect", f"{self.project}_{service}_{number}")
        )
        return found[0]

    def inside(self, service: str, *command: str) -> str:
        """What a command prints in a service's container."""
        return bed.inside(self.url, f"{self.project}_{service}_1", *command)


@pytest.fixture
def gate() -> GateSettings:
    """How long readiness is waited for; a test may want it otherwise."""
    return GateSettings()


@pytest.fixture
async def stack(
    podman_url: str, project: ProjectName, tmp_path: Path, gate: GateSettings
) -> AsyncIterator[Stack]:
    """A project in a folder of its own."""
    folder = tmp_path / "stack"
    folder.mkdir()
    settings = Settings(state_dir=tmp_path / "state", engine=EngineSettings(url=podman_url), gate=gate)
    async with running(settings, {**os.environ, "PODKEEPER_TEST_TOKEN": "s3cret"}) as app:
        manager = app.manager(Selection(folder=folder, project_name=project))
        yield Stack(podman_url, project, folder, manager)


@pytest.fixture
def ports() -> int:
    """The first of two free ports in a row."""
    with ExitStack() as held:
        return free_ports(2, held)


async def answers(port: int) -> bool:
    """Whether an HTTP server answers on a port of this machine, now or in a while."""
    with suppress(TimeoutError):
        async with asyncio.timeout(30):
            while not (await first_words(port)).startswith(b"HTTP/"):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            return True
    return False


async def first_words(port: int) -> bytes:
    """What a server on a port of this machine says first when it is asked; nothing where none listens."""
    with suppress(OSError):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(b"HEAD / HTTP/1.0\r\n\r\n")
            return await reader.readline()
        finally:
            writer.close()
    return b""


@pytest.mark.parametrize("gate", [pytest.param(GateSettings(settle_s=2), id="patient")])
async def test_a_service_may_run_to_its_end(stack: Stack) -> None:
    """One that nothing restarts and nobody waits for has done its work; it is a warning, no failure."""
    stack.write("""
        services:
          hello: {image: IMAGE, command: echo hello}
          web: {image: IMAGE, command: SERVE, depends_on: [hello]}
    """)
    assert await stack.up() == ("hello has run to its end (exit code 0)",)
    assert stack.container("hello")["State"]["ExitCode"] == 0
    assert stack.container("web")["State"]["Running"]
    await stack.down()


async def test_what_is_optional_may_fail(stack: Stack) -> None:
    """`required: false`: one that can not start and one that fails are told, and their dependent runs."""
    stack.write("""
        services:
          web:
            image: IMAGE
            command: SERVE
            depends_on:
              tracing: {condition: service_started, required: false}
              warmup: {condition: service_completed_successfully, required: false}
          tracing: {image: IMAGE, command: [no-such-program]}
          warmup: {image: IMAGE, command: ["false"]}
    """)
    warnings = await stack.up()
    assert len(warnings) == 2
    assert "warmup exited with code 1 (its dependents do without it)" in warnings
    assert any("tracing" in w and "no-such-program" in w for w in warnings)
    assert stack.container("web")["State"]["Running"]
    await stack.down()


async def test_replicas_share_out_a_range_of_ports(stack: Stack, ports: int) -> None:
    """The first replica has the first port, and each answers on its own."""
    stack.write(f"""
        services:
          web:
            image: IMAGE
            command: [httpd, -f, -p, "8080", -h, /bin]
            init: true
            ports: ["127.0.0.1:{ports}-{ports + 1}:8080"]
            deploy: {{replicas: 2}}
    """)
    await stack.up()
    for number in (1, 2):
        bound = stack.container("web", number)["HostConfig"]["PortBindings"]["8080/tcp"]
        assert [b["HostPort"] for b in bound] == [str(ports + number - 1)]
        assert await answers(ports + number - 1)
    await stack.down()


async def test_a_working_folder_is_made_where_the_image_has_none(stack: Stack) -> None:
    """As Docker does; also where it is in a volume, and in one that is read-only otherwise."""
    stack.write("""
        services:
          app: {image: IMAGE, command: SERVE, working_dir: /srv/deep/app}
          worker: {image: IMAGE, command: SERVE, working_dir: /data/jobs, volumes: ["data:/data"]}
          strict: {image: IMAGE, command: SERVE, working_dir: /run/scratch, read_only: true}
        volumes: {data: {}}
    """)
    await stack.up()
    assert stack.inside("app", "pwd") == "/srv/deep/app"
    assert stack.inside("worker", "pwd") == "/data/jobs"
    assert stack.inside("strict", "pwd") == "/run/scratch"
    await stack.down()


async def test_services_share_name_spaces_and_volumes(stack: Stack) -> None:
    """A side car lives in its host's network and processes, and sees its files read-only."""
    stack.write("""
        services:
          sidecar:
            image: IMAGE
            command: SERVE
            network_mode: service:app
            pid: service:app
            ipc: service:app
            volumes_from: ["app:ro"]
          app:
            image: IMAGE
            command: ["sh", "-c", "trap 'exit 0' TERM; echo it > /data/file; httpd -p 9999; sleep 600 & wait"]
            ipc: shareable
            volumes: ["data:/data"]
        volumes: {data: {}}
    """)
    await stack.up()
    fetch = "wget -q -O /dev/null http://127.0.0.1:9999/data/file"
    stack.inside("sidecar", "timeout", "30", "sh", "-c", f"until {fetch}; do sleep 0.1; done")
    assert stack.inside("sidecar", "cat", "/data/file") == "it"
    assert stack.inside("sidecar", "sh", "-c", "touch /data/x 2>/dev/null || echo refused") == "refused"
    for kind in ("net", "pid", "ipc"):
        link = ("readlink", f"/proc/self/ns/{kind}")
        assert stack.inside("sidecar", *link) == stack.inside("app", *link)
    await stack.down()


async def test_a_part_of_a_volume_or_an_image_is_mounted_where_podman_can(stack: Stack) -> None:
    """From Podman 5.4 on; an older one is not asked, since it would mount the whole."""
    stack.write("""
        services:
          app:
            image: IMAGE
            command: SERVE
            depends_on: {fill: {condition: service_completed_successfully}}
            volumes:
              - {type: volume, source: data, target: /part, volume: {subpath: part}}
              - {type: image, source: IMAGE, target: /programs, image: {subpath: bin}}
          fill:
            image: IMAGE
            command: ["sh", "-c", "mkdir -p /data/part; echo it > /data/part/file"]
            volumes: ["data:/data"]
        volumes: {data: {}}
    """)
    version = bed.podman(stack.url, "version", "--format", "{{.Server.Version}}")
    if tuple(map(int, version.split(".")[:2])) < (5, 4):
        result = await stack.try_up()
        assert [p.code for p in result.problems] == [ErrorCode.UNSUPPORTED_BY_PODMAN]
        assert stack.left() == []
        return
    await stack.up()
    assert stack.inside("app", "cat", "/part/file") == "it"
    stack.inside("app", "test", "-x", "/programs/busybox")
    await stack.down()


@rootful_only
async def test_networks_give_names_and_addresses(stack: Stack) -> None:
    """A service is found by its aliases on the networks that it shares, at the address it asks for."""
    low, high = uuid.uuid4().bytes[:2]
    subnet = f"10.{64 + low % 128}.{high}"
    stack.write(f"""
        services:
          web:
            image: IMAGE
            command: SERVE
            networks: [front, back]
            depends_on: {{db: {{condition: service_healthy}}}}
            healthcheck: {{test: wget -q -O /dev/null http://store:8080/bin/true, interval: 1s, retries: 30}}
          db:
            image: IMAGE
            command: [httpd, -f, -p, "8080"]
            init: true
            healthcheck: {{test: [CMD, "true"]}}
            networks: {{back: {{aliases: [store], ipv4_address: {subnet}.7}}}}
        networks:
          front: {{}}
          back: {{internal: true, ipam: {{config: [{{subnet: {subnet}.0/24}}]}}}}
    """)
    await stack.up()
    joined = stack.container("web")["NetworkSettings"]["Networks"]
    assert set(joined) == {f"{stack.project}_front", f"{stack.project}_back"}
    assert (
        stack.container("db")["NetworkSettings"]["Networks"][f"{stack.project}_back"]["IPAddress"]
        == f"{subnet}.7"
    )
    await stack.down()


@rootful_only
async def test_secrets_and_configs_are_files(stack: Stack) -> None:
    """From a file, a variable, and written in place; a job and what waits for it can read them."""
    (stack.folder / "key.pem").write_text("key")
    stack.write("""
        services:
          app:
            image: IMAGE
            command: SERVE
            depends_on: {check: {condition: service_completed_successfully}}
            secrets: [key, {source: token, target: /etc/token}]
            configs: [{source: page, target: /srv/page}]
          check:
            image: IMAGE
            user: root
            command: ["sh", "-c", "grep -q s3cret /run/secrets/token"]
            secrets: [token]
        secrets: {key: {file: ./key.pem}, token: {environment: PODKEEPER_TEST_TOKEN}}
        configs: {page: {content: "costs $$5"}}
    """)
    await stack.up()
    assert stack.inside("app", "cat", "/run/secrets/key", "/etc/token", "/srv/page") == "keys3cretcosts $5"
    assert "s3cret" not in json.dumps(stack.container("app"))
    await stack.down()


async def test_a_service_gets_what_it_asks_of_its_container(stack: Stack) -> None:
    """The options of a hardened service, each as Podman shows it or as it is inside."""
    stack.write("""
        services:
          app:
            image: IMAGE
            command: SERVE
            init: true
            hostname: app.example
            user: "1000:1000"
            group_add: ["44"]
            cap_drop: [ALL]
            cap_add: [NET_BIND_SERVICE]
            security_opt: ["no-new-privileges:true"]
            read_only: true
            tmpfs: ["/scratch:size=1m,mode=1777"]
            shm_size: 8m
            sysctls: {net.ipv4.ip_unprivileged_port_start: 80}
            ulimits: {nofile: 512, nproc: 4096, core: {soft: 0, hard: 0}}
            extra_hosts: ["db.example:192.0.2.7"]
            dns: [192.0.2.53]
            labels: {owner: "it's us"}
            environment: {GREETING: "two  words $$HOME", EMPTY: ""}
            stop_signal: SIGINT
            stop_grace_period: 3s
            logging: {driver: json-file, options: {max-size: 1m}}
    """)
    assert await stack.up() == ()
    app = stack.container("app")
    host, config = app["HostConfig"], app["Config"]
    assert app["EffectiveCaps"] in (["CAP_NET_BIND_SERVICE"], None)
    assert (host["Init"], host["ReadonlyRootfs"], host["ShmSize"]) == (True, True, 8 * 1024 * 1024)
    assert (config["User"], config["Hostname"], config["StopTimeout"]) == ("1000:1000", "app.example", 3)
    assert config["Labels"]["owner"] == "it's us"
    assert {"GREETING=two  words $HOME", "EMPTY="} <= set(config["Env"])
    assert host["ExtraHosts"] == ["db.example:192.0.2.7"]
    assert host["Dns"] == ["192.0.2.53"]
    assert stack.inside("app", "sh", "-c", "ulimit -n; ulimit -c; id -G") == "512\n0\n1000 44"
    assert stack.inside("app", "cat", "/proc/sys/net/ipv4/ip_unprivileged_port_start") == "80"
    assert stack.inside("app", "grep", "NoNewPrivs", "/proc/1/status").split()[-1] == "1"
    stack.inside("app", "touch", "/scratch/file")
    await stack.down()


@rootful_only
async def test_volumes_keep_data_and_down_takes_them_when_asked(stack: Stack) -> None:
    """A bind mount's missing source is made; `down -v` takes the project's own volumes, named or not."""
    stack.write(
        """
        services:
          writer:
            image: IMAGE
            command: ["sh", "-c", "for d in bind named cache ram outside; do echo 1 > /$$d/f || exit 1; done"]
            volumes:
              - ./made/here:/bind
              - data:/named
              - /cache
              - outside:/outside
              - {type: tmpfs, target: /ram, tmpfs: {size: 65536, mode: 0777}}
          reader:
            image: IMAGE
            command: ["cat", "/named/f", "/outside/f"]
            depends_on: {writer: {condition: service_completed_successfully}}
            volumes: ["data:/named:ro", "outside:/outside"]
        volumes: {data: {}, outside: {external: true, name: PROJECT-outside}}
    """.replace("PROJECT", stack.project)
    )
    outside = f"{stack.project}-outside"
    bed.podman(stack.url, "volume", "create", outside)
    try:
        await stack.up()
        assert (stack.folder / "made/here/f").read_text() == "1\n"
        await stack.down()
        assert outside in bed.podman(stack.url, "volume", "ls", "--quiet").split()
    finally:
        bed.podman(stack.url, "volume", "rm", "--force", outside)


async def test_what_podman_can_not_do_is_told_key_by_key(stack: Stack) -> None:
    """The stack runs, and nothing is lost in silence."""
    stack.write("""
        services:
          app:
            image: IMAGE
            command: SERVE
            domainname: example.org
            external_links: [other]
            logging: {driver: gelf}
            pre_start: [{command: [echo]}]
            deploy: {placement: {constraints: [node.role == manager]}, update_config: {parallelism: 1}}
            networks: {default: {priority: 5}}
    """)
    warnings = await stack.up()
    told = {w.removeprefix("service app: ").split(": ")[0] for w in warnings if w.startswith("service app: ")}
    assert told >= {
        "domainname",
        "external_links",
        "logging",
        "pre_start",
        "deploy.placement",
        "deploy.update_config",
        "networks.default.priority",
    }
    await stack.down()


async def test_what_would_run_wrongly_is_refused_before_anything_is_made(stack: Stack) -> None:
    """An external config has nowhere to come from, and a service without its file is not the service."""
    stack.write("""
        services:
          db: {image: IMAGE, command: SERVE}
          app: {image: IMAGE, command: SERVE, configs: [settings]}
        configs: {settings: {external: true}}
    """)
    result = await stack.try_up()
    assert [p.code for p in result.problems] == [ErrorCode.UNSUPPORTED_BY_PODMAN]
    assert "settings" in result.problems[0].message
    assert stack.left() == []


async def test_an_external_volume_must_be_there(stack: Stack) -> None:
    """Podman would make it in silence, and the service would begin with an empty one."""
    name = f"{stack.project}-outside"
    stack.write(f"""
        services:
          db: {{image: IMAGE, command: SERVE, volumes: ["outside:/data"]}}
        volumes: {{outside: {{external: true, name: {name}}}}}
    """)
    result = await stack.try_up()
    assert [p.code for p in result.problems] == [ErrorCode.NOT_FOUND]
    assert name not in bed.podman(stack.url, "volume", "ls", "--quiet").split()
    assert stack.left() == []


async def test_profiles_choose_services_and_a_name_brings_its_dependencies(stack: Stack) -> None:
    """What no active profile enables stays away until it is asked for."""
    stack.write(
        """
        services:
          web: {image: IMAGE, command: SERVE, container_name: PROJECT-front, pull_policy: never}
          db: {image: IMAGE, command: SERVE, profiles: [full]}
          admin: {image: IMAGE, command: SERVE, profiles: [full], depends_on: [db]}
    """.replace("PROJECT", stack.project)
    )
    await stack.up()
    assert [n for n in stack.left() if n.startswith(f"{stack.project}-front")] == [f"{stack.project}-front"]
    assert f"{stack.project}_db_1" not in stack.left()
    await stack.down()
