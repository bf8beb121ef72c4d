"""Which Podman is taken, in which order, and what is said when there is none."""

import http.server
import os
import socketserver
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from typing_extensions import override

from containers.adapters.podman_connection import Connection, find_connection
from containers.model.errors import EngineError, ErrorCode
from containers.settings import EngineSettings


@contextmanager
def service(path: Path, version: str = "4.3.1") -> Iterator[str]:
    """Something that answers a ping as Podman of a version does; as Docker without one."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            if version:
                self.send_header("Libpod-API-Version", version)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"OK")

        @override
        def address_string(self) -> str:
            return "somebody"

        @override
        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    path.parent.mkdir(parents=True, exist_ok=True)
    with socketserver.ThreadingUnixStreamServer(str(path), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"unix://{path}"
        finally:
            server.shutdown()
            thread.join()


def program(folder: Path, connections: str = "[]") -> Path:
    """A Podman that knows these connections, and can not start a service."""
    path = folder / "bin/podman"
    path.parent.mkdir(parents=True, exist_ok=True)
    answer = f"""[ "$2" = connection ] && echo '{connections}' && exit"""
    path.write_text(f"#!/bin/sh\n{answer}\necho 'Error: cannot set up namespace' >&2\nexit 125\n")
    path.chmod(0o755)
    return path


async def find(
    root: Path,
    environ: Mapping[str, str],
    *,
    podman: str = "none",
    url: str | None = None,
    connection: str | None = None,
) -> Connection:
    """Search below `root` alone."""
    settings = EngineSettings(url=url, podman=podman, connection=connection)
    return await find_connection(settings, {"PATH": os.defpath, **environ}, root / "state", root=root)


async def test_the_setting_comes_first(tmp_path: Path) -> None:
    """Even before CONTAINER_HOST."""
    with service(tmp_path / "set.sock") as url, service(tmp_path / "host.sock") as other:
        found = await find(tmp_path, {"CONTAINER_HOST": other}, url=url)
    assert (found.url, found.version) == (url, "4.3.1")
    assert "settings" in found.chosen_because


async def test_container_host_comes_before_what_is_found(tmp_path: Path) -> None:
    """It is what Podman's own client would take."""
    with service(tmp_path / "host.sock") as url, service(tmp_path / "run/podman/podman.sock"):
        found = await find(tmp_path, {"CONTAINER_HOST": url})
    assert found.url == url
    assert "CONTAINER_HOST" in found.chosen_because


async def test_what_an_environment_names_comes_before_container_host(tmp_path: Path) -> None:
    """A URL, or the name of one of Podman's connections, whichever is the default."""
    with service(tmp_path / "far.sock") as url, service(tmp_path / "host.sock") as host:
        listed = (
            f'[{{"Name":"near","Default":true,"URI":"unix:///near.sock"}},{{"Name":"far","URI":"{url}"}}]'
        )
        podman = program(tmp_path, listed)
        for connection in ("far", url):
            found = await find(tmp_path, {"CONTAINER_HOST": host}, podman=str(podman), connection=connection)
            assert found.url == url
            assert "environment" in found.chosen_because


async def test_a_connection_that_podman_does_not_have_is_told_with_those_it_has(tmp_path: Path) -> None:
    """Nothing else is taken in its place."""
    podman = program(tmp_path, '[{"Name":"near","Default":true,"URI":"unix:///near.sock"}]')
    with pytest.raises(EngineError) as wrong:
        await find(tmp_path, {}, podman=str(podman), connection="far")
    assert wrong.value.code is ErrorCode.DAEMON_UNREACHABLE
    assert "'far'" in str(wrong.value)
    assert "near" in wrong.value.remedy


async def test_podmans_default_connection_comes_before_sockets(tmp_path: Path) -> None:
    """Only the default one; the star is how Podman before 4.2 marked it."""
    with service(tmp_path / "default.sock") as url, service(tmp_path / "run/podman/podman.sock"):
        for entry in (f'"Name":"mine","Default":true,"URI":"{url}"', f'"Name":"mine*","URI":"{url}"'):
            other = '{"Name":"other","Default":false,"URI":"unix:///other.sock"}'
            podman = program(tmp_path, f"[{other},{{{entry}}}]")
            found = await find(tmp_path, {}, podman=str(podman))
            assert found.url == url
            assert '"mine"' in found.chosen_because


async def test_ones_own_socket_comes_before_the_systems(tmp_path: Path) -> None:
    """Rootless first."""
    with service(tmp_path / "u/podman/podman.sock") as url, service(tmp_path / "run/podman/podman.sock"):
        found = await find(tmp_path, {"XDG_RUNTIME_DIR": str(tmp_path / "u")})
    assert found.url == url
    assert found.local


async def test_a_folder_that_may_not_be_looked_into_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root's folder of sockets is closed to others where systemd made it; so is another user's."""
    closed = tmp_path / "u/podman/podman.sock"
    stat = os.stat

    def refusing(path: str | Path, **how: bool) -> os.stat_result:
        if str(path) == str(closed):
            raise PermissionError(13, "Permission denied", str(path))  # which root itself never is
        return stat(path, **how)

    monkeypatch.setattr(os, "stat", refusing)
    with service(tmp_path / "run/podman/podman.sock") as url:
        found = await find(tmp_path, {"XDG_RUNTIME_DIR": str(tmp_path / "u")})
    assert found.url == url


async def test_a_socket_that_does_not_answer_is_noted_and_passed_over(tmp_path: Path) -> None:
    """A service that died leaves its socket behind."""
    dead = tmp_path / "u/podman/podman.sock"
    with service(dead):
        pass
    with service(tmp_path / "run/podman/podman.sock") as url:
        found = await find(tmp_path, {"XDG_RUNTIME_DIR": str(tmp_path / "u")})
    assert found.url == url
    assert [a.url for a in found.tried] == [f"unix://{dead}"]
    assert "does not answer" in found.tried[0].problem


async def test_what_was_named_is_not_passed_over(tmp_path: Path) -> None:
    """Another engine than the one asked for would be a surprise."""
    with service(tmp_path / "run/podman/podman.sock"):
        for environ, url in (
            ({}, "unix:///nowhere.sock"),
            ({"CONTAINER_HOST": "unix:///nowhere.sock"}, None),
        ):
            with pytest.raises(EngineError, match="nowhere") as refused:
                await find(tmp_path, environ, url=url)
            assert refused.value.code is ErrorCode.DAEMON_UNREACHABLE
            assert refused.value.remedy


async def test_a_socket_mounted_into_a_container_is_found(tmp_path: Path) -> None:
    """Under the name that programs which look for Docker expect; the engine is then the host's."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run/.containerenv").touch()
    with service(tmp_path / "var/run/docker.sock") as url:
        found = await find(tmp_path, {})
    assert found.url == url
    assert not found.local
    assert "mounted" in found.chosen_because


async def test_docker_behind_a_mounted_socket_is_not_taken(tmp_path: Path) -> None:
    """It answers, but it is not Podman."""
    (tmp_path / ".dockerenv").touch()
    with service(tmp_path / "var/run/docker.sock", version=""), pytest.raises(EngineError) as refused:
        await find(tmp_path, {})
    assert "is not Podman" in str(refused.value)


async def test_an_old_podman_is_refused_with_its_version(tmp_path: Path) -> None:
    """The REST interface of 3 is another."""
    with service(tmp_path / "old.sock", version="3.4.4") as url, pytest.raises(EngineError) as refused:
        await find(tmp_path, {}, url=url)
    assert refused.value.code is ErrorCode.PODMAN_TOO_OLD
    assert "3.4.4" in str(refused.value)


async def test_no_podman_at_all_is_said_so(tmp_path: Path) -> None:
    """Nothing answers, and there is no program to start."""
    with pytest.raises(EngineError) as refused:
        await find(tmp_path, {})
    assert refused.value.code is ErrorCode.PODMAN_NOT_INSTALLED


async def test_an_address_that_is_none_is_said_so(tmp_path: Path) -> None:
    """With examples of what would be one."""
    with pytest.raises(EngineError) as refused:
        await find(tmp_path, {}, url="npipe:////./pipe/podman")
    assert refused.value.code is ErrorCode.DAEMON_UNREACHABLE
    assert "unix:///" in refused.value.remedy


async def test_a_podman_that_can_not_serve_says_why(tmp_path: Path) -> None:
    """The last resort's own words come out."""
    with pytest.raises(EngineError, match="cannot set up namespace"):
        await find(tmp_path, {"XDG_RUNTIME_DIR": str(tmp_path)}, podman=str(program(tmp_path)))


@pytest.mark.rootful
async def test_without_a_service_podkeeper_starts_its_own(tmp_path: Path) -> None:
    """And stops it with the connection."""
    found = await find(
        tmp_path, {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path), "CONTAINER_HOST": ""}, podman="podman"
    )
    assert found.owned is not None
    assert "started its own" in found.chosen_because
    pid = found.owned.pid
    await found.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
