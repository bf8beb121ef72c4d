"""Containers created by a request of ours are those that Podman's own client would have created."""

import json
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from tests.conformance.case_files import all_cases
from tests.podman import bed

from containers.adapters.podman_cli import PodmanCli
from containers.adapters.podman_compose_translator import PodmanComposeTranslator
from containers.adapters.podman_create_requests import CreateRequests
from containers.adapters.podman_request_recorder import RequestRecorder
from containers.adapters.podman_rest import PodmanRestEngine
from containers.app import running
from containers.environment_manager import Selection
from containers.model.base import ProjectName, ServiceName
from containers.model.errors import EngineError, TranslationError
from containers.model.observed import EngineInfo
from containers.ports.translation import ContainerRecipe
from containers.settings import EngineSettings, Settings

PODMAN_4 = EngineInfo(version="4.3.1", rootless=False, socket="unix:///s", chosen_because="test")
TOPICS = frozenset({"commands", "health_and_deploy", "mounts", "networks", "ports", "services", "stacks"})
"""The cases that are about containers."""
LABELS = {"io.podkeeper.test": "a=b", "org.example": ""}
UNORDERED = ("mounts", "volumes")
"""Lists that the client takes from a map, in an order that changes."""


def recipe(*options: str, image: str = bed.IMAGE, command: tuple[str, ...] = ()) -> ContainerRecipe:
    """How a service is created."""
    return ContainerRecipe(service=ServiceName("app"), options=options, image=image, command=command)


class Both:
    """Podman's client and our requests, side by side; no engine takes part."""

    def __init__(
        self, client: PodmanCli, recorder: RequestRecorder, make_requests: Callable[[], CreateRequests]
    ) -> None:
        self.client, self.recorder, self._make_requests = client, recorder, make_requests
        self.requests = make_requests()

    async def posted(self, what: ContainerRecipe) -> Mapping[str, Any] | None:
        """What the client posts for a recipe; None where it refuses the recipe, each time it is asked.

        On a busy machine it now and then ends before it has posted.
        """
        for _ in range(3):
            with suppress(EngineError):
                await self.client.create_container("name", what, LABELS)
                if (posted := self.recorder.take("name")) is not None:
                    return _comparable(posted)
        return None

    async def ours(self, what: ContainerRecipe) -> Mapping[str, Any] | None:
        """What we would post for it; asked again by another who has recorded nothing yet, if it is nothing.

        What the client did not post counts as what only the client can do.
        """
        for _ in range(3):
            request = await self.requests.request_for("name", what, LABELS, ())
            if request is not None:
                return _comparable(request)
            await self.requests.close()
            self.requests = self._make_requests()
        return None


def _comparable(request: Mapping[str, Any]) -> Mapping[str, Any]:
    """Without what Podman remembers as the command line: ours names the engine instead of a recorder."""
    kept = {key: value for key, value in request.items() if key != "containerCreateCommand"}
    return kept | {key: sorted(kept[key], key=json.dumps) for key in UNORDERED if key in kept}


@pytest.fixture
async def both(tmp_path: Path) -> AsyncIterator[Both]:
    """A client whose engine is a recorder, and requests that have recorded nothing yet."""
    settings = EngineSettings()
    recorder = RequestRecorder(tmp_path / "s", "4.3.1")
    await recorder.open()
    client = PodmanCli(settings, f"unix://{recorder.socket}", os.environ)
    both = Both(client, recorder, lambda: CreateRequests(settings, os.environ, tmp_path, "4.3.1"))
    yield both
    await both.requests.close()
    await recorder.close()


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("-e", "A=1", "--env", "B=two\nlines", "--env=C=@podkeeper-0@", "-e", "A=last"),
        ("-e", "PATH=/own", "-e", "HTTP_PROXY=http://u:p@h", "-e", "app.mode=x", "-e", "EMPTY="),
        ("--label", "a=b=c", "-l", "flag", "--label=org.example=given way", "--label", "a=last"),
        ("--network=n:alias=app,alias=other", "--network", "m:ip=10.1.2.3,alias=app"),
        ("--network=n", "--network-alias", "one"),
        ("--network", "host", "--pid=host", "--uts", "host"),
        ("--entrypoint", '["sh", "-c", "echo \\"$A\\""]'),
        ("--entrypoint", "/bin/one"),
        ("--entrypoint", "[]"),
        ("--health-cmd", '["curl", "-f", "http://u:p@h"]', "--health-interval", "5s"),
        ("--health-cmd", '["one word"]', "--health-retries", "2"),
        ("--health-cmd", '["CMD-SHELL", "a b | c"]'),
        ("--health-cmd", '["true"]', "--health-cmd", "CMD true"),
        ("--health-cmd", "test -e /ok"),
        ("--no-healthcheck", "--init", "--tty", "-i", "--read-only", "--privileged"),
        ("-v", "/srv:/a:ro,z", "--mount", "type=volume,source=v,destination=/b", "--tmpfs", "/c:size=1m"),
        ("-p", "127.0.0.1:18080:80/udp", "-p", "9000-9002", "--expose", "70"),
        ("--cpus", "0.5", "-m", "64m", "--pids-limit", "9", "--ulimit", "nofile=10:20", "--shm-size", "1m"),
        ("--restart", "on-failure:3", "--stop-timeout", "3", "--stop-signal", "INT", "--user", "1:2"),
        (
            "--add-host",
            "h:10.0.0.1",
            "--dns",
            "10.0.0.2",
            "--hostname",
            "h",
            "--sysctl",
            "net.core.somaxconn=9",
        ),
        (
            "--annotation",
            "a=b",
            "--log-opt",
            "max-size=1m",
            "--secret",
            "s,target=t",
            "--cap-add",
            "NET_ADMIN",
        ),
    ],
)
async def test_a_request_is_what_the_client_posts(both: Both, options: tuple[str, ...]) -> None:
    """Also when it was recorded for another container of that shape."""
    first = recipe(*options, command=("sh", "-c", "echo $A"))
    assert await both.ours(first) == await both.posted(first)
    second = first.model_copy(update={"image": "other:1", "command": (), "options": (*options, "-e", "Z=9")})
    assert await both.ours(second) == await both.posted(second)


async def test_the_requests_of_whole_projects_are_what_the_client_posts(both: Both, tmp_path: Path) -> None:
    """Every service of every case that docker compose is compared by, as podman-compose translates it."""
    translator = PodmanComposeTranslator(None, tmp_path / "c", secrets_dir=tmp_path / "t", environ={})
    compared = 0
    async with running(Settings(state_dir=tmp_path / "state"), {}) as app:
        for number, case in enumerate(c for c in all_cases() if c.id.partition(":")[0] in TOPICS):
            folder = tmp_path / str(number)
            folder.mkdir()
            case.write(folder)
            project = app.manager(Selection(folder=folder, project_name="p")).load().project
            if project is None:
                continue
            try:
                translation = await translator.translate(project, PODMAN_4)
            except TranslationError:
                continue
            for each in translation.containers.values():
                posted = await both.posted(each)
                # it takes no variable of several lines whose name it uses itself; requests carry them all
                if posted is not None:
                    assert await both.ours(each) == posted, case.id
                    compared += 1
    assert compared > 50


async def test_containers_that_differ_in_values_alone_need_one_client(tmp_path: Path) -> None:
    """Twenty alike are as quick as one: the client is a program that counts its runs."""
    counting = tmp_path / "counting"
    counting.write_text(f'#!/bin/sh\necho run >> {tmp_path}/runs\nexec podman "$@"\n')
    counting.chmod(0o755)
    requests = CreateRequests(EngineSettings(podman=str(counting)), os.environ, tmp_path, "4.3.1")
    alike = [recipe("-e", f"N={n}", f"--network=n:alias=s{n}", command=(str(n),)) for n in range(20)]
    await requests.prepare(alike)
    for each in alike:
        assert await requests.request_for("name", each, LABELS, ()) is not None
    await requests.close()
    assert (tmp_path / "runs").read_text() == "run\n"


async def test_what_the_client_refuses_is_left_to_the_client(both: Both) -> None:
    """It says why; a recorder could not."""
    assert await both.ours(recipe("--memory", "nonsense")) is None
    assert await both.ours(recipe(image="docker-archive:/srv/x.tar")) is None
    assert await both.ours(recipe("--env-file", "/srv/x")) is None


async def test_a_changed_configuration_is_asked_anew(tmp_path: Path) -> None:
    """The client puts defaults of containers.conf into its requests."""
    config = tmp_path / "containers.conf"
    environ = {**os.environ, "CONTAINERS_CONF": str(config)}
    requests = CreateRequests(EngineSettings(), environ, tmp_path, "4.3.1")
    masks = []
    for umask in ("0022", "0077"):
        config.write_text(f'[containers]\numask = "{umask}"\n# {umask * int(umask)}\n')
        request = await requests.request_for("name", recipe(), {}, ())
        masks.append(request and request["umask"])
    await requests.close()
    assert masks == ["0022", "0077"]


STABLE = ("Args", "Path", "Image", "ImageName", "Mounts", "HostConfig", "Dependencies", "EffectiveCaps")


def kept_of(inspected: str, container: str) -> Mapping[str, Any]:
    """What should be the same for containers that were created alike."""
    found = json.loads(inspected.replace(container, "ID").replace(container[:12], "ID"))[0]
    config = {key: value for key, value in found["Config"].items() if key != "CreateCommand"}
    config["Env"] = sorted(config["Env"])
    return {key: found[key] for key in STABLE} | {"Config": config}


async def test_podman_inspects_both_alike(
    engine: PodmanRestEngine, podman_url: str, project: ProjectName
) -> None:
    """Everything that Podman keeps of a container, save its identity and the command line."""
    labels = {"com.docker.compose.project": project}
    rich = recipe(
        *("-e", "A=1", "--label", "x=y", "--network", "none", "--tmpfs", "/c", "--restart", "always"),
        *("--health-cmd", '["true"]', "--ulimit", "nofile=64:64", "--user", "1", "--cap-drop", "ALL"),
        command=("sh", "-c", "true"),
    )
    ours = await engine.create_container(f"{project}-1", rich, labels)
    client = PodmanCli(EngineSettings(), podman_url, os.environ)
    theirs = await client.create_container(f"{project}-2", rich, labels)
    one, two = (kept_of(bed.podman(podman_url, "container", "inspect", c), c) for c in (ours, theirs))
    assert one == two
