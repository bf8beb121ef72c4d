"""Podman's name server: when it counts as dead, and how it is brought back."""

from pathlib import Path

import pytest

from containers.adapters.podman_cli import PodmanCli
from containers.adapters.podman_name_server import NameServer
from containers.model.base import ContainerId
from containers.settings import EngineSettings

PID = 4242
WEB = ContainerId("32fece8f0b82" + "0" * 52)
OTHER = ContainerId("b93483fb2e16" + "0" * 52)


class Place:
    """netavark's folder, `/proc`, and a `podman` that notes what it is asked for."""

    def __init__(self, folder: Path) -> None:
        self.told = folder / "aardvark-dns"
        self.processes = folder / "proc"
        self.asked = folder / "asked"
        program = folder / "podman"
        program.write_text(
            f'#!/bin/sh\nenv | grep -c ^CONTAINER_HOST >>"{self.asked}"\necho "$@" >>"{self.asked}"\n'
        )
        program.chmod(0o755)
        self.told.mkdir()
        self.processes.mkdir()
        self.file = self.told / "aardvark.pid"
        self.file.write_text(str(PID))
        (self.told / "demo_default").write_text(f"10.89.0.1\n{WEB} 10.89.0.2  web\n")
        environ = {"PATH": "/usr/bin:/bin", "CONTAINER_HOST": "unix:///elsewhere"}
        settings = EngineSettings(podman=str(program))
        cli = PodmanCli(settings, "unix:///run/podman/podman.sock", environ)
        self.server = NameServer(cli, self.told, self.processes)

    def has(self, program: str, state: str, pid: int = PID, started: int = 7, folder: str = "") -> None:
        """There is a process, of the number that the file says if no other is given."""
        process = self.processes / str(pid)
        process.mkdir()
        before = " ".join(["1"] * 18)
        (process / "stat").write_text(f"{pid} ({program}) {state} {before} {started} 0 0")
        arguments = ("/usr/lib/podman/aardvark-dns", "--config", folder or str(self.told), "run", "")
        (process / "cmdline").write_text("\0".join(arguments))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """One network with one container; the server of it has ended."""
    return Place(tmp_path)


async def test_a_dead_server_is_started_by_setting_up_a_network_anew(place: Place) -> None:
    """By Podman itself on this machine: its service has no request for that."""
    assert await place.server.revive(WEB)
    assert place.asked.read_text().splitlines() == ["0", f"network reload {WEB}"]


async def test_a_server_that_runs_is_left_alone(place: Place) -> None:
    """It is there, and answers."""
    place.has("aardvark-dns", "S")
    await place.server.before_join()
    assert not await place.server.revive(WEB)
    assert place.file.read_text() == str(PID)
    assert not place.asked.exists()


@pytest.mark.parametrize(
    ("program", "state"),
    [
        pytest.param("aardvark-dns", "Z", id="it has ended, and nobody took note"),
        pytest.param("sleep", "S", id="another program has its number now"),
    ],
)
async def test_what_netavark_would_take_for_a_running_server_is_cleared_away(
    place: Place, program: str, state: str
) -> None:
    """It goes by a number in a file alone."""
    place.has(program, state)
    await place.server.before_join()
    assert not place.file.exists()
    assert [file.name for file in place.told.iterdir()] == ["demo_default"]


@pytest.mark.parametrize("file", [None, "", "77"], ids=["no file", "an empty one", "one of another"])
async def test_a_server_that_netavark_lost_sight_of_is_shown_to_it_again(
    place: Place, file: str | None
) -> None:
    """Symptom: no name was resolved until the machine was started again, since that one has the port."""
    place.file.unlink()
    if file is not None:
        place.file.write_text(file)
    place.has("aardvark-dns", "S", pid=4243, started=9)
    place.has("aardvark-dns", "S")
    place.has("aardvark-dns", "Z", pid=4241, started=5)
    place.has("aardvark-dns", "S", pid=4240, started=3, folder="/run/user/1000/aardvark-dns")
    place.has("sleep", "S", pid=4239, started=1)
    await place.server.before_join()
    assert place.file.read_text() == str(PID)
    assert not await place.server.revive(WEB)


async def test_a_server_that_is_told_of_nobody_is_told_again(place: Place) -> None:
    """By the same request that would start one."""
    place.file.unlink()
    place.has("aardvark-dns", "S")
    assert await place.server.revive(WEB)
    assert place.file.read_text() == str(PID)
    assert place.asked.read_text().splitlines()[-1] == f"network reload {WEB}"


async def test_a_server_that_has_ended_unnoticed_is_brought_back(place: Place) -> None:
    """Without waiting until somebody takes note."""
    place.has("aardvark-dns", "Z")
    assert await place.server.revive(WEB)
    assert not place.file.exists()
    assert place.asked.read_text().splitlines()[-1] == f"network reload {WEB}"


async def test_a_container_that_it_never_answered_for_does_not_miss_it(place: Place) -> None:
    """One without a network of its own, or another Podman's."""
    assert not await place.server.revive(OTHER)
    assert not place.asked.exists()


async def test_where_there_never_was_one_none_is_missed(place: Place) -> None:
    """With CNI, or before the first network."""
    place.file.unlink()
    (place.told / "demo_default").unlink()
    await place.server.before_join()
    assert not await place.server.revive(WEB)
    assert not place.asked.exists()


async def test_a_podman_that_refuses_fails_nothing(place: Place, tmp_path: Path) -> None:
    """It is tried again at the next look."""
    (tmp_path / "podman").write_text("#!/bin/sh\necho no >&2\nexit 125\n")
    assert not await place.server.revive(WEB)


async def test_a_folder_that_can_not_be_looked_into_keeps_nothing_from_starting() -> None:
    """Another user's `XDG_RUNTIME_DIR`, say; a name that is too long is refused to root as well."""
    cli = PodmanCli(EngineSettings(), "unix:///run/podman/podman.sock", {})
    server = NameServer(cli, Path("/", "x" * 300))
    await server.before_join()
    assert not await server.revive(WEB)
