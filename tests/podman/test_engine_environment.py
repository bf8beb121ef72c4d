"""Values of variables reach the container unharmed, and nobody's process list."""

import json
import os
import stat
from pathlib import Path

import pytest
from tests.podman import bed

from containers.adapters.podman_rest import connect
from containers.model.base import ProjectName, ServiceName
from containers.ports.translation import ContainerRecipe
from containers.settings import EngineSettings

VALUES = {
    "PASSWORD": "s3cret-one",
    "LINES": "s3cret first\nsecond=2\n  third 'quoted' \"twice\" \\ $HOME `id`\n",
    "EMPTY": "",
    "EQUALS": "a=b==c",
    "UMLAUT": "s3cret-größe-✓",
    "SPACES": "  s3cret around  ",
    "PATH": "/s3cret:/bin",
    "HOME": "/s3cret-home",
    "TMPDIR": "/s3cret-tmp",
    "CONTAINER_HOST": "unix:///s3cret.sock",
    "HTTP_PROXY": "http://user:s3cret@proxy",
    "XDG_RUNTIME_DIR": "/s3cret-run",
    "app.dotted-name": "s3cret-dotted",
}


def recording_podman(folder: Path) -> tuple[Path, Path]:
    """A program that writes its arguments down and then is Podman."""
    seen, program = folder / "seen", folder / "recording-podman"
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >> {seen}\nexec podman "$@"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return program, seen


async def test_values_arrive_and_are_in_no_argument_list(
    podman_url: str, project: ProjectName, tmp_path: Path
) -> None:
    """Several lines, odd names and names that mean something to Podman's client included."""
    program, seen = recording_podman(tmp_path)
    options = [part for n, v in VALUES.items() for part in ("-e", f"{n}={v}")]
    recipe = ContainerRecipe(
        service=ServiceName("web"), options=tuple(options), image=bed.IMAGE, command=("env",)
    )
    engine = await connect(EngineSettings(url=podman_url, podman=str(program)), os.environ, tmp_path)
    labels = {"com.docker.compose.project": project}
    container = await engine.create_container(f"{project}-web-1", recipe, labels)
    await engine.close()
    got = json.loads(bed.podman(podman_url, "inspect", "--format", "{{json .Config.Env}}", container))
    variables = dict(entry.split("=", 1) for entry in got)
    assert {name: variables.get(name) for name in VALUES} == VALUES
    assert "--name" in seen.read_text()
    assert "s3cret" not in seen.read_text()
    shown = bed.podman(podman_url, "inspect", "--format", "{{json .Config.CreateCommand}}", container)
    assert "PASSWORD" in shown
    assert "s3cret" not in shown


async def test_nothing_is_left_of_the_file_that_carried_values(
    podman_url: str, project: ProjectName, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It lasts as long as the command does."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    recipe = ContainerRecipe(service=ServiceName("web"), options=("-e", "HOME=/s3cret"), image=bed.IMAGE)
    engine = await connect(EngineSettings(url=podman_url), os.environ, tmp_path)
    await engine.create_container(f"{project}-web-1", recipe, {"com.docker.compose.project": project})
    await engine.close()
    assert [n for n in os.listdir(tmp_path) if n.startswith("podkeeper-")] == []  # noqa: PTH208


async def test_a_reserved_name_may_have_several_lines(
    podman_url: str, project: ProjectName, tmp_path: Path
) -> None:
    """No argument list and no file of single lines comes between it and Podman."""
    recipe = ContainerRecipe(service=ServiceName("web"), options=("-e", "HOME=one\ntwo"), image=bed.IMAGE)
    engine = await connect(EngineSettings(url=podman_url), os.environ, tmp_path)
    labels = {"com.docker.compose.project": project}
    container = await engine.create_container(f"{project}-web-1", recipe, labels)
    await engine.close()
    assert "HOME=one\ntwo" in json.loads(
        bed.podman(podman_url, "inspect", "--format", "{{json .Config.Env}}", container)
    )
