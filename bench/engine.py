"""The Podman that everything is measured on."""

import contextlib
import http.client
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from bench.tools import IMAGE, ROOT, MeasureError, call, output_of


def answers(url: str) -> bool:
    """Whether a Podman answers at a `unix://` socket."""
    if not url.startswith("unix://"):
        return False
    connection = http.client.HTTPConnection("localhost", timeout=5)
    try:
        with socket.socket(socket.AF_UNIX) as end:
            end.settimeout(5)
            end.connect(url.removeprefix("unix://"))
            connection.sock = end
            connection.request("GET", "/_ping")
            return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False


@contextlib.contextmanager
def podman_socket(scratch: Path) -> Iterator[str]:
    """A socket of the very Podman that podman-compose runs; one of our own where none answers."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", f"/run/user/{os.getuid()}")
    usual = "/run/podman/podman.sock" if os.geteuid() == 0 else f"{runtime}/podman/podman.sock"
    for url in (os.environ.get("CONTAINER_HOST", ""), f"unix://{usual}"):
        if answers(url):
            yield url
            return
    own = f"unix://{scratch / 'podman.sock'}"
    service = subprocess.Popen(  # noqa: S603  (an argv of ours)
        [shutil.which("podman") or "podman", "system", "service", "--time=0", own],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        until = time.monotonic() + 10
        while not answers(own):
            if time.monotonic() > until or service.poll() is not None:
                raise MeasureError("podman system service does not answer")
            time.sleep(0.05)
        yield own
    finally:
        service.terminate()
        service.wait(10)


def running_containers(project: str) -> str:
    """Each container of a project, with when it was started."""
    label = f"label=com.docker.compose.project={project}"
    return output_of("podman", "ps", "--filter", label, "--format", "{{.ID}} {{.StartedAt}}")


def remove(project: str) -> None:
    """Remove whatever carries the project's name, whoever made it."""
    found = set[str]()
    for label in ("io.podman.compose.project", "com.docker.compose.project"):
        found.update(output_of("podman", "ps", "-aq", "--filter", f"label={label}={project}").split())
    if found:
        output_of("podman", "rm", "-f", "-t", "0", *found)
    networks = output_of("podman", "network", "ls", "--format", "{{.Name}}").split()
    for network in networks:
        if network.startswith(f"{project}_"):
            output_of("podman", "network", "rm", "-f", network)


def ensure_image() -> None:
    """Make the demo's image where it is missing."""
    if not output_of("podman", "image", "inspect", "--format", "{{.Id}}", IMAGE):
        call([str(ROOT / "environments/demo/build-image.sh")], {})
