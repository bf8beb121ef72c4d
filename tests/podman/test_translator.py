"""The installed podman-compose as our compiler: what it is asked, what it says, and that Podman takes it."""

import asyncio
import json
import os
import shutil
import stat
import sys
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.projects import from_document, project
from tests.podman import bed

from containers.adapters.podman_compose_program import PodmanComposeProgram
from containers.adapters.podman_compose_translator import PodmanComposeTranslator
from containers.compose.podman_options import ADDED, ELSEWHERE, RESHAPED, TRANSLATED, UNAVAILABLE
from containers.compose.recipes import sort_calls
from containers.model.base import ServiceName
from containers.model.errors import ErrorCode, TranslationError
from containers.model.observed import EngineInfo
from containers.model.project import ResolvedProject
from containers.ports.engine import ContainerEngine
from containers.ports.translation import Translation

APP = ServiceName("app")
PODMAN_4 = EngineInfo(version="4.3.1", rootless=False, socket="unix:///s", chosen_because="test")


def beside(name: str) -> str:
    """A program that is installed with our interpreter."""
    return str(Path(sys.executable).with_name(name))


def translator(
    folder: Path,
    program: tuple[str, ...] | None = None,
    environ: Mapping[str, str] | None = None,
    **more: Any,
) -> PodmanComposeTranslator:
    """A translator that keeps everything in one folder."""
    return PodmanComposeTranslator(
        program, folder / "cache", secrets_dir=folder / "secrets", environ=environ or {}, **more
    )


def script(path: Path, text: str) -> tuple[str, ...]:
    """A program in podman-compose's place; it passes for a good version unless it does something else."""
    version = 'for word; do [ "$word" = version ] && { echo 1.6.0; exit; }; done\n'
    path.write_text(f"#!/bin/sh\n{version}{text}\n")
    path.chmod(0o755)
    return (str(path),)


SAMPLES: Mapping[str, Any] = {
    "annotations": {"a": "b"},
    "blkio_config": {"weight": 300},
    "cap_add": ["NET_ADMIN"],
    "cap_drop": ["ALL"],
    "cgroup": "private",
    "cgroup_parent": "a",
    "command": ["x"],
    "configs": [{"source": "c"}],
    "container_name": "x",
    "cpu_count": 2,
    "cpu_percent": 50,
    "cpu_period": 100000,
    "cpu_quota": 50000,
    "cpu_rt_period": 1000,
    "cpu_rt_runtime": 500,
    "cpu_shares": 100,
    "cpus": 0.5,
    "cpuset": "0",
    "credential_spec": {"file": "x"},
    "deploy": {"resources": {"limits": {"pids": 3}}},
    "device_cgroup_rules": ["c 1:3 mr"],
    "devices": ["/dev/null:/dev/x:r"],
    "dns": ["1.1.1.1"],
    "dns_opt": ["use-vc"],
    "dns_search": ["x.org"],
    "domainname": "x.org",
    "entrypoint": ["x"],
    "environment": {"A": "b"},
    "expose": ["80"],
    "external_links": ["x"],
    "extra_hosts": ["a:1.1.1.1"],
    "gpus": [{"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}],
    "group_add": ["1"],
    "healthcheck": {"test": ["CMD", "x"]},
    "hostname": "x",
    "image": "img2",
    "init": True,
    "ipc": "host",
    "isolation": "process",
    "labels": {"a": "b"},
    "logging": {"driver": "none"},
    "mem_limit": "64m",
    "mem_reservation": "32m",
    "mem_swappiness": "10",
    "memswap_limit": "128m",
    "models": {"m": None},
    "network_mode": "host",
    "networks": ["default"],
    "oom_kill_disable": True,
    "oom_score_adj": 5,
    "pid": "host",
    "pids_limit": 3,
    "platform": "linux/amd64",
    "ports": ["80"],
    "post_start": [{"command": ["x"]}],
    "pre_start": [{"command": ["x"]}],
    "pre_stop": [{"command": ["x"]}],
    "privileged": True,
    "provider": {"type": "x"},
    "read_only": True,
    "restart": "always",
    "runtime": "runc",
    "secrets": ["s"],
    "security_opt": ["label=disable"],
    "shm_size": "1m",
    "stdin_open": True,
    "stop_grace_period": "5s",
    "stop_signal": "SIGINT",
    "storage_opt": {"size": "1G"},
    "sysctls": {"net.core.somaxconn": "1"},
    "tmpfs": ["/x"],
    "tty": True,
    "ulimits": {"nproc": 3},
    "use_api_socket": True,
    "user": "1",
    "userns_mode": "host",
    "uts": "host",
    "volumes": ["/x"],
    "volumes_from": ["other"],
    "working_dir": "/x",
}
"""A value for every key, as podman-compose would want it."""

ELSEWHERE_SEEN = frozenset({"links", "mac_address"})
"""Keys that podman-compose knows and that show on another service, or on a network only."""
RUN_BY_US = frozenset({"post_start", "pre_stop"})
"""Keys that make no option: Podkeeper carries them out."""


@pytest.fixture(scope="module")
def made_of(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, tuple[str, ...]]:
    """What the installed podman-compose makes of each key alone; `plain` is a service without any."""
    plain = {"image": "img", "network_mode": "none"}
    services: dict[str, dict[str, Any]] = {"plain": dict(plain), "other": dict(plain)}
    for key, sample in SAMPLES.items():
        services[key] = {**plain, key: sample}
        if key == "networks":
            del services[key]["network_mode"]
    sections = {
        "secrets": {"s": {"file": "s"}},
        "configs": {"c": {"content": "x"}},
        "networks": {"default": {}},
    }
    document = json.dumps({"services": services, **sections})
    program = PodmanComposeProgram(None, tmp_path_factory.mktemp("program"))
    calls = sort_calls(asyncio.run(program.record("demo", document, "4.3.1")).calls).containers
    named = ("io.podman.compose.", "com.docker.compose.")
    return {
        key: tuple(o for o in call if not o.startswith(named) and o != f"--name=demo_{key}_1")
        for key, call in calls.items()
    }


def test_every_key_has_a_sample() -> None:
    """Else the next two tests would miss it."""
    seen = {*TRANSLATED, *RESHAPED, *ADDED, *UNAVAILABLE, *RUN_BY_US} - ELSEWHERE_SEEN
    assert seen == set(SAMPLES)
    assert set(ELSEWHERE) >= RUN_BY_US


@pytest.mark.parametrize("key", sorted((TRANSLATED - ELSEWHERE_SEEN) | {"deploy"}))
def test_podman_compose_translates_what_we_leave_to_it(
    made_of: Mapping[str, tuple[str, ...]], key: str
) -> None:
    """A key that makes no difference to it would be lost."""
    assert made_of[key] != made_of["plain"]


@pytest.mark.parametrize("key", sorted({*ADDED, *UNAVAILABLE, *RESHAPED, *RUN_BY_US} - {"deploy"}))
def test_podman_compose_still_drops_what_we_add(made_of: Mapping[str, tuple[str, ...]], key: str) -> None:
    """When this fails, a newer podman-compose supports the key: hand it over, and drop it from our table."""
    assert made_of[key] == made_of["plain"]


async def test_a_mac_address_counts_where_there_is_a_network(tmp_path: Path) -> None:
    """With none, podman-compose has no place for it."""
    keys = {"mac_address": "02:42:ac:11:65:43"}
    done = await translator(tmp_path).translate(project(services={"app": keys}), PODMAN_4)
    assert any("mac=02:42:ac:11:65:43" in option for option in done.containers[APP].options)


async def test_links_give_the_other_service_a_name(tmp_path: Path) -> None:
    """The one key that shows on another service."""
    services = {"app": {"links": ["db:database"]}, "db": {}}
    done = await translator(tmp_path).translate(project(services=services), PODMAN_4)
    joined = next(option for option in done.containers[ServiceName("db")].options if "--network" in option)
    assert set(joined.partition(":")[2].split(",")) == {"alias=db", "alias=database"}


STACK = {
    "web": {
        "command": ["httpd", "-f", "-p", "80"],
        "environment": {"GREETING": 'two "lines"\nof $HOME', "EMPTY": ""},
        "ports": [{"target": 80, "host_ip": "127.0.0.1", "protocol": "tcp", "mode": "ingress"}],
        "depends_on": {"db": {"condition": "service_healthy", "required": True}},
        "labels": {"org.example": "a=b"},
    },
    "db": {
        "command": ["sleep", "1000"],
        "healthcheck": {"test": ["CMD", "true"], "interval": "5s", "start_interval": "1s"},
        "volumes": [{"type": "volume", "source": "data", "target": "/data"}],
        "stop_grace_period": "1s",
    },
}


async def create(engine: ContainerEngine, resolved: ResolvedProject, done: Translation) -> dict[str, str]:
    """Create everything that a translation has; service to container."""
    for name, options in done.networks.items():
        await engine.create_network(name, options)
    for name, options in done.volumes.items():
        await engine.create_volume(name, options)
    names = {n: s.container_name or f"{resolved.name}_{n}_1" for n, s in resolved.services.items()}
    return {n: await engine.create_container(names[n], r, {}) for n, r in done.containers.items()}


def stack(name: str, services: Mapping[str, Mapping[str, Any]], **sections: Any) -> ResolvedProject:
    """A project that runs the image of these tests."""
    return project(name, {n: {"image": bed.IMAGE, **s} for n, s in services.items()}, **sections)


def inspected(url: str, container: str) -> dict[str, Any]:
    """Everything that Podman says about a container."""
    found: dict[str, Any] = json.loads(bed.podman(url, "container", "inspect", container))[0]
    return found


async def test_podman_takes_a_translated_stack(
    tmp_path: Path, engine: ContainerEngine, podman_url: str, project: str
) -> None:
    """Values arrive as they are meant, and what podman-compose would have got wrong is right."""
    resolved = stack(project, STACK)
    done = await translator(tmp_path).translate(resolved, await engine.info())
    made = await create(engine, resolved, done)
    web, db = (inspected(podman_url, made[service]) for service in ("web", "db"))
    assert 'GREETING=two "lines"\nof $HOME' in web["Config"]["Env"]
    assert web["Config"]["Cmd"] == ["httpd", "-f", "-p", "80"]
    assert web["Config"]["Labels"]["org.example"] == "a=b"
    assert db["Config"]["Healthcheck"]["Test"] == ["CMD", "true"]
    assert db["Config"]["StopTimeout"] == 1
    assert [mount["Name"] for mount in db["Mounts"]] == [f"{project}_data"]
    assert list(web["NetworkSettings"]["Networks"]) == [f"{project}_default"]


@pytest.mark.parametrize(
    ("keys", "path", "expected"),
    [
        ({"cgroup_parent": "/podkeeper"}, ("HostConfig", "CgroupParent"), "/podkeeper"),
        ({"cpu_period": 100000, "cpu_quota": 50000}, ("HostConfig", "CpuQuota"), 50000),
        ({"cpu_rt_period": 1000000, "cpu_rt_runtime": 950000}, ("HostConfig", "CpuRealtimePeriod"), 1000000),
        ({"cgroup": "private"}, ("HostConfig", "CgroupMode"), "private"),
        ({"mem_limit": "67108864", "memswap_limit": "134217728"}, ("HostConfig", "MemorySwap"), 134217728),
        ({"mem_swappiness": "10"}, ("HostConfig", "MemorySwappiness"), 10),
        ({"oom_kill_disable": True}, ("HostConfig", "OomKillDisable"), True),
        ({"oom_score_adj": 500}, ("HostConfig", "OomScoreAdj"), 500),
        ({"stop_grace_period": "1m30s"}, ("Config", "StopTimeout"), 90),
        ({"uts": "host"}, ("HostConfig", "UTSMode"), "host"),
        (
            {"blkio_config": {"device_read_bps": [{"Path": "/dev/null", "Rate": "1024"}]}},
            ("HostConfig", "BlkioDeviceReadBps"),
            [{"Path": "/dev/null", "Rate": 1024}],
        ),
        (
            {"deploy": {"restart_policy": {"condition": "on-failure", "max_attempts": 3}}},
            ("HostConfig", "RestartPolicy"),
            {"Name": "on-failure", "MaximumRetryCount": 3},
        ),
        ({"deploy": {"resources": {"limits": {"pids": 9}}}}, ("HostConfig", "PidsLimit"), 9),
        ({"deploy": {"resources": {"limits": {"cpus": 0.5}}}}, ("HostConfig", "NanoCpus"), 500000000),
        ({"deploy": {"resources": {"limits": {"memory": "67108864"}}}}, ("HostConfig", "Memory"), 67108864),
        (
            {"deploy": {"resources": {"reservations": {"memory": "67108864"}}}},
            ("HostConfig", "MemoryReservation"),
            67108864,
        ),
    ],
)
@pytest.mark.rootful
async def test_podman_takes_what_we_add(
    tmp_path: Path, rootful_url: str, keys: dict[str, Any], path: tuple[str, str], expected: Any
) -> None:
    """One option at a time; resource limits need root on this version of control groups."""
    name = f"pk{uuid.uuid4().hex[:10]}"
    resolved = stack(name, {"app": {"network_mode": "none", **keys}})
    done = await translator(tmp_path).translate(resolved, PODMAN_4)
    recipe = done.containers[APP]
    try:
        container = bed.podman(
            rootful_url, "create", "--name", f"{name}_app_1", *recipe.options, recipe.image, *recipe.command
        )
        assert inspected(rootful_url, container)[path[0]][path[1]] == expected
    finally:
        bed.remove_project(rootful_url, name)


async def test_a_service_shares_the_namespaces_of_another(
    tmp_path: Path, engine: ContainerEngine, podman_url: str, project: str
) -> None:
    """Looked at from inside: Podman 4 inspects every `ipc` as shareable."""
    show = ("readlink", "/proc/self/ns/ipc")
    services = {
        "db": {"command": ["sleep", "100"], "stop_grace_period": "0s", "ipc": "shareable"},
        "app": {"command": [*show], "ipc": "service:db", "pid": "service:db"},
    }
    resolved = stack(project, services)
    made = await create(engine, resolved, await translator(tmp_path).translate(resolved, PODMAN_4))
    bed.podman(podman_url, "start", made["db"])
    of_app = bed.podman(podman_url, "start", "--attach", made["app"])
    assert of_app.startswith("ipc:")
    assert of_app == bed.inside(podman_url, made["db"], *show)
    bed.podman(podman_url, "rm", made["app"])  # Podman removes nothing that another depends on


async def test_volumes_come_from_another_service(
    tmp_path: Path, engine: ContainerEngine, podman_url: str, project: str
) -> None:
    """By the container that podman-compose would have made."""
    services: dict[str, dict[str, Any]] = {
        "db": {"volumes": [{"type": "volume", "source": "data", "target": "/data"}]},
        "app": {"volumes_from": ["db:ro"]},
    }
    resolved = stack(project, services)
    made = await create(engine, resolved, await translator(tmp_path).translate(resolved, PODMAN_4))
    mounts = inspected(podman_url, made["app"])["Mounts"]
    assert [(mount["Name"], mount["RW"]) for mount in mounts] == [(f"{project}_data", False)]


async def run(folder: Path, *command: str, **environ: str) -> str:
    """Run a peer to its end, and return what it printed; it must succeed."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env={**os.environ, **environ},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return output.decode()


async def test_docker_compose_sees_the_stack(
    tmp_path: Path, engine: ContainerEngine, podman_url: str, project: str
) -> None:
    """Over Podman's socket, by its own labels."""
    resolved = stack(project, STACK)
    await create(engine, resolved, await translator(tmp_path).translate(resolved, await engine.info()))
    listed = await run(
        tmp_path,
        *(beside("docker-compose"), "-p", project, "ps", "-a", "--format", "json"),
        DOCKER_HOST=podman_url,
    )
    rows = [json.loads(line) for line in listed.splitlines()]
    assert {(row["Service"], row["Name"]) for row in rows} == {
        ("web", f"{project}_web_1"),
        ("db", f"{project}_db_1"),
    }


async def test_docker_compose_takes_the_stack_down(
    tmp_path: Path, engine: ContainerEngine, podman_url: str, project: str
) -> None:
    """From the labels alone, networks and volumes included."""
    resolved = stack(project, STACK)
    await create(engine, resolved, await translator(tmp_path).translate(resolved, await engine.info()))
    down = (beside("docker-compose"), "-p", project, "down", "-v", "-t", "0")
    await run(tmp_path, *down, DOCKER_HOST=podman_url)
    left = bed.podman(podman_url, "ps", "-aq", "--filter", f"label=com.docker.compose.project={project}")
    assert left == ""
    assert f"{project}_default" not in bed.podman(podman_url, "network", "ls", "-q").split()
    assert f"{project}_data" not in bed.podman(podman_url, "volume", "ls", "-q").split()


@pytest.mark.rootful
async def test_podman_compose_sees_the_stack(tmp_path: Path, rootful_url: str) -> None:
    """It asks the podman of this user, which is the one that the rootful engine serves."""
    name = f"pk{uuid.uuid4().hex[:10]}"
    resolved = stack(name, {"app": {"network_mode": "none"}})
    recipe = (await translator(tmp_path).translate(resolved, PODMAN_4)).containers[APP]
    (tmp_path / "compose.yaml").write_text("services: {app: {image: a}}\n")
    try:
        bed.podman(rootful_url, "create", "--name", f"{name}_app_1", *recipe.options, recipe.image)
        shown = await run(tmp_path, beside("podman-compose"), "-p", name, "ps", "--format", "{{.Names}}")
        assert shown.split() == [f"{name}_app_1"]
    finally:
        bed.remove_project(rootful_url, name)


@pytest.mark.rootful
async def test_secrets_and_configs_are_readable_in_the_container(tmp_path: Path, rootful_url: str) -> None:
    """By any user of it; the values are in no argument. The state folder here is root's."""
    name = f"pk{uuid.uuid4().hex[:10]}"
    services = {
        "app": {
            "network_mode": "none",
            "command": ["sh", "-c", "cat /run/secrets/token /etc/page"],
            "user": "1234",
            "secrets": [{"source": "token", "target": "/run/secrets/token"}],
            "configs": [{"source": "page", "target": "/etc/page"}],
        }
    }
    sections = {"secrets": {"token": {"environment": "TOKEN"}}, "configs": {"page": {"content": "$page"}}}
    subject = translator(tmp_path, environ={"TOKEN": "s3cret-"})
    done = await subject.translate(stack(name, services, **sections), PODMAN_4)
    assert "s3cret" not in str(done)
    recipe = done.containers[APP]
    try:
        container = bed.podman(rootful_url, "create", *recipe.options, recipe.image, *recipe.command)
        bed.podman(rootful_url, "start", container)
        bed.podman(rootful_url, "wait", container)
        assert bed.podman(rootful_url, "logs", container) == "s3cret-$page"
    finally:
        bed.remove_project(rootful_url, name)


async def test_a_large_stack_is_translated_in_parts_as_it_is_in_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many processes as there are processors; what comes of it is the same."""
    many: dict[str, Any] = {
        f"s{number:02}": {
            "image": "localhost/x",
            "volumes": [{"type": "volume", "source": "data", "target": "/d"}],
        }
        for number in range(20)
    }
    many["side"] = {"image": "localhost/x", "network_mode": "service:s03"}
    many["late"] = {"image": "localhost/x", "networks": {"back": {"aliases": ["l"]}}}
    stack = project(
        services=many, networks={"back": {"name": "demo_back"}}, volumes={"data": {"name": "demo_data"}}
    )
    asked = []
    record = PodmanComposeProgram.record

    async def counted(*arguments: Any) -> Any:
        asked.append(arguments)
        return await record(*arguments)

    monkeypatch.setattr(PodmanComposeProgram, "record", counted)
    made = []
    for processors in (1, 3):
        monkeypatch.setattr(os, "cpu_count", lambda processors=processors: processors)
        made.append(await translator(tmp_path / str(processors)).translate(stack, PODMAN_4))
    in_one, in_parts = made
    assert len(asked) == 1 + 2
    assert in_parts == in_one
    assert set(in_parts.containers) == set(stack.services)


async def test_a_second_translation_does_not_start_podman_compose(tmp_path: Path) -> None:
    """Not in this process, not in a later one, and not because a value has changed."""
    calls = tmp_path / "calls"
    program = script(tmp_path / "program", f'echo run >>{calls}\nexec {beside("podman-compose")} "$@"')
    for value in ("1", "2"):
        resolved = project(services={"app": {"environment": {"A": value}}})
        for subject in (translator(tmp_path, program),) * 2:
            done = await subject.translate(resolved, PODMAN_4)
            assert f"A={value}" in done.containers[APP].options
    assert calls.read_text() == "run\n"
    await translator(tmp_path, program).translate(
        project(services={"app": {"environment": {"A": "1"}, "tty": True}}), PODMAN_4
    )
    assert calls.read_text() == "run\nrun\n"


async def test_a_damaged_cache_costs_time_only(tmp_path: Path) -> None:
    """The translation is made again."""
    first = await translator(tmp_path).translate(project(), PODMAN_4)
    for path in (tmp_path / "cache").rglob("*.json"):
        path.write_text('{"calls": 3}')
    assert await translator(tmp_path).translate(project(), PODMAN_4) == first


async def test_nothing_private_outlives_or_leaves_the_private_folder(tmp_path: Path) -> None:
    """The folder is closed to others and gone afterwards; cache and program have seen no value."""
    seen = tmp_path / "seen"
    program = script(
        tmp_path / "program",
        f"stat -c %a . compose.json podman >{seen}; cat compose.json >>{seen}; env >>{seen}\n"
        f'exec {beside("podman-compose")} "$@"',
    )
    resolved = project(services={"app": {"environment": {"A": "s3cret"}, "command": ["s3cret"]}})
    await translator(tmp_path, program).translate(resolved, PODMAN_4)
    text = seen.read_text()
    assert text.splitlines()[:3] == ["700", "600", "700"]
    assert "s3cret" not in text
    assert "COMPOSE_" not in text
    files = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert not any("s3cret" in path.read_text() for path in files)
    assert not list((tmp_path / "cache").glob("translate-*"))


async def test_a_refusal_is_one_line_without_a_traceback(tmp_path: Path) -> None:
    """podman-compose answers with a traceback; a person gets its last line."""
    document = {"name": "demo", "services": {"app": {"image": "a", "network_mode": "no-such-mode"}}}
    with pytest.raises(TranslationError, match=r"did not accept the project: unknown network_mode") as caught:
        await translator(tmp_path).translate(from_document(document), PODMAN_4)
    assert caught.value.code is ErrorCode.COMPOSE_PROVIDER_FAILED
    assert "\n" not in str(caught.value)
    document["services"] = {"app": {"image": "a", "networks": {"gone": None}}}
    with pytest.raises(TranslationError, match=r"did not accept the project: missing networks: gone$"):
        await translator(tmp_path).translate(from_document(document), PODMAN_4)


async def test_warnings_of_podman_compose_are_handed_on(tmp_path: Path) -> None:
    """Without its logger's prefix."""
    program = script(
        tmp_path / "program",
        f'echo "WARNING:podman_compose:WARNING: beware" >&2\nexec {beside("podman-compose")} "$@"',
    )
    done = await translator(tmp_path, program).translate(project(), PODMAN_4)
    assert done.warnings == ("podman-compose: beware",)


@pytest.mark.parametrize(
    ("text", "more", "message"),
    [
        ("exit 3", {}, "did not accept the project: exit code 3"),
        ("exit 0", {}, "made no container for app"),
        ("sleep 60", {"timeout_s": 0.5}, "did not finish within 0.5 s"),
    ],
)
async def test_a_program_that_fails_is_told(
    tmp_path: Path, text: str, more: dict[str, Any], message: str
) -> None:
    """Whichever way it fails."""
    program = script(tmp_path / "program", text)
    with pytest.raises(TranslationError, match=message) as caught:
        await translator(tmp_path, program, **more).translate(project(), PODMAN_4)
    assert caught.value.code is ErrorCode.COMPOSE_PROVIDER_FAILED


@pytest.mark.parametrize(
    ("version", "message"),
    [
        ("1.4.0", "is podman-compose 1.4.0; 1.5 or later is needed"),
        ("2.0.0", "below 2"),
        ("hello", "does not say which"),
        ("", "does not say which"),
    ],
)
async def test_a_wrong_version_is_refused(tmp_path: Path, version: str, message: str) -> None:
    """With the command that installs the right one."""
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\necho {version}\n")
    program.chmod(0o755)
    with pytest.raises(TranslationError, match=message) as caught:
        await translator(tmp_path, (str(program),)).provider()
    assert caught.value.code is ErrorCode.COMPOSE_PROVIDER_MISSING
    assert "pip install" in caught.value.remedy


async def test_a_missing_program_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside the interpreter, on PATH, or where it was said to be."""
    with pytest.raises(TranslationError, match="can not be started") as caught:
        await translator(tmp_path, (str(tmp_path / "none"),)).provider()
    assert caught.value.code is ErrorCode.COMPOSE_PROVIDER_MISSING
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(TranslationError, match="not installed"):
        await translator(tmp_path).provider()


async def test_the_program_is_found_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where none is beside the interpreter; its version is asked once."""
    (path,) = script(tmp_path / "podman-compose", "")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "elsewhere" / "python"))
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    subject = translator(tmp_path)
    assert await subject.describe() == f"1.6.0 ({path})"
    shutil.rmtree(tmp_path / "cache")
    assert (await subject.provider()).path == path


def lives(pid: str) -> bool:
    """Whether a process is there and has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except OSError:
        return False


async def test_cancelling_ends_the_program_and_its_children(tmp_path: Path) -> None:
    """Nothing runs on, and the private folder is gone."""
    told = tmp_path / "pids"
    program = script(tmp_path / "program", f"sleep 600 & echo $$ $! >{told}.new; mv {told}.new {told}; wait")
    subject = translator(tmp_path, program)
    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        translating = group.create_task(subject.translate(project(), PODMAN_4))
        while not told.exists():  # noqa: ASYNC110  (another process makes it: nothing tells)
            await asyncio.sleep(0.02)
        translating.cancel()
    assert translating.cancelled()
    pids = told.read_text().split()
    assert len(pids) == 2
    async with asyncio.timeout(10):  # both were killed; the kernel ends them when it comes to it
        while any(lives(pid) for pid in pids):  # noqa: ASYNC110  (nothing tells)
            await asyncio.sleep(0.02)
    assert not list((tmp_path / "cache").glob("translate-*"))
