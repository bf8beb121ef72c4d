"""Real Podman for tests: a rootful and a rootless engine, each with a tiny image, shared by all workers.

`PODKEEPER_TEST_ROOTFUL_URL` and `PODKEEPER_TEST_ROOTLESS_URL` name engines to use. Without them the rootful
one is the system's socket, or a service started here; the rootless one is a service started here as the user
that `PODKEEPER_TEST_USER` names. What was started here ends with the last worker that uses it.
"""

import grp
import io
import json
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from filelock import FileLock

IMAGE = "localhost/podkeeper-test/busybox:latest"
ROOTFUL_SOCKET = Path("/run/podman/podman.sock")
_START_TIMEOUT_S = 30.0
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def podman(url: str, *arguments: str, stdin: bytes | None = None) -> str:
    """Run Podman's client against `url` and answer its standard output; it must succeed.

    What only looks is asked again where something else vanished amid the look: Podman 4.3 calls it an error.
    What nobody took in is asked again for a while: a Podman that died is started anew, as systemd would.
    """
    attempts = 4 if _is_look(arguments) else 1
    deadline = time.monotonic() + _START_TIMEOUT_S
    while True:
        done = subprocess.run(
            ["podman", "--remote", "--url", url, *arguments], input=stdin, capture_output=True, check=False
        )
        if done.returncode == 0:
            return done.stdout.decode().strip()
        said = done.stderr.decode(errors="replace")
        if any(word in said for word in _NOBODY) and time.monotonic() < deadline:
            time.sleep(LOOK_S)
            continue
        attempts -= 1
        if not attempts or (arguments[0] == "inspect" and "no such process" not in said):
            raise AssertionError(f"podman {' '.join(arguments)}: {said}")
        time.sleep(LOOK_S)


_NOBODY = (
    "connect: connection refused",
    "connect: no such file or directory",
    "connection reset by peer",
)
"""What the client says where nobody serves its socket, yet or any more."""


def _is_look(arguments: tuple[str, ...]) -> bool:
    return arguments[0] in {"ps", "images", "inspect"} or arguments[1:2] == ("ls",)


def remove(url: str, *command: str) -> None:
    """Run a removal until it succeeds: right after a stop Podman may still be cleaning up there."""
    deadline = time.monotonic() + _START_TIMEOUT_S
    while True:
        try:
            podman(url, *command)
        except AssertionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(LOOK_S)
        else:
            return


FRAME = ("sh", "-c", 'echo "<begin>"; "$@"; code=$?; echo "<end $code>"; exit $code', "sh")
"""Put before a command, it runs it between two marks, with its own input, output and exit code."""
LOOK_S = 0.05
"""Between two looks at what nobody tells."""


def framed(said: str) -> str | None:
    """What was printed between the marks of `FRAME`; None where they did not both come out.

    Podman now and then loses all that a command of `exec` prints (its issue 21741). Without marks that looks
    like a command that prints nothing.
    """
    found = re.search(r"<begin>\r?\n(.*)<end \d+>", said, re.DOTALL)
    return None if found is None else found[1]


def inside(url: str, container: str, *command: str, patience_s: float = 30.0) -> str:
    """What a command prints in a container; it must succeed. It is run again where Podman loses that."""
    deadline = time.monotonic() + patience_s
    while (said := framed(podman(url, "exec", container, *FRAME, *command))) is None:
        assert time.monotonic() < deadline, f"Podman loses what {command} prints in {container}"
        time.sleep(LOOK_S)
    return said.strip()


def process_of(url: str, container: str, patience_s: float = 30.0) -> int:
    """The main process of a container that runs, as this machine numbers it.

    Right during a restart Podman calls it 0, which for `kill` is the caller's own process group.
    """
    deadline = time.monotonic() + patience_s
    while not (pid := int(podman(url, "inspect", "--format", "{{.State.Pid}}", container))):
        assert time.monotonic() < deadline, f"{container} has no process"
        time.sleep(LOOK_S)
    return pid


@contextmanager
def rootful_engine() -> Iterator[str]:
    """The URL of an engine that runs as root."""
    if url := os.environ.get("PODKEEPER_TEST_ROOTFUL_URL"):
        yield _with_image(url)
        return
    ROOTFUL_SOCKET.parent.mkdir(parents=True, exist_ok=True)
    assert os.getuid() == 0 or answers(ROOTFUL_SOCKET), (
        "only root can start a rootful engine: deselect with -m 'not rootful'"
    )
    with _shared_service("rootful", ROOTFUL_SOCKET, ["podman"], {**os.environ}) as url:
        yield _with_image(url)


@contextmanager
def rootless_engine() -> Iterator[str]:
    """The URL of an engine that runs as an ordinary user."""
    if url := os.environ.get("PODKEEPER_TEST_ROOTLESS_URL"):
        yield _with_image(url)
        return
    name = os.environ.get("PODKEEPER_TEST_USER", "podkeeper-test")
    user = pwd.getpwnam(name) if os.getuid() == 0 else pwd.getpwuid(os.getuid())
    runtime_dir = Path(f"/run/user/{user.pw_uid}")
    environ = {"HOME": user.pw_dir, "PATH": _PATH, "XDG_RUNTIME_DIR": str(runtime_dir), "USER": user.pw_name}
    command = ["podman"]
    if os.getuid() == 0:
        for folder in (runtime_dir, runtime_dir / "podman"):
            if not folder.is_dir():
                folder.mkdir(parents=True, mode=0o700)
                os.chown(folder, user.pw_uid, user.pw_gid)
        group = grp.getgrgid(user.pw_gid).gr_name
        command = ["setpriv", f"--reuid={user.pw_name}", f"--regid={group}", "--init-groups", "podman"]
    socket_path = runtime_dir / "podman/podman.sock"
    with _shared_service("rootless", socket_path, command, environ, cwd=user.pw_dir) as url:
        yield _with_image(url)


def answers(path: Path) -> bool:
    """Whether something accepts connections at a socket."""
    with suppress(OSError), socket.socket(socket.AF_UNIX) as client:
        client.settimeout(2)
        client.connect(str(path))
        return True
    return False


@contextmanager
def _shared_service(
    kind: str, path: Path, command: Sequence[str], environ: Mapping[str, str], cwd: str = "/"
) -> Iterator[str]:
    """A Podman service for as long as any test process uses it."""
    folder = Path(tempfile.gettempdir()) / f"podkeeper-test-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    file, lock = folder / f"{kind}.json", FileLock(folder / f"{kind}.lock")
    with lock:
        shared = _Shared.read(file)
        if not answers(path):
            shared.service = _start_service(path, command, environ, cwd)
        shared.users.append(os.getpid())
        shared.write(file)
    try:
        yield f"unix://{path}"
    finally:
        with lock:
            shared = _Shared.read(file)
            shared.users.remove(os.getpid())
            if not shared.users and shared.service:
                _stop_service(shared.service)
                shared.service = 0
            shared.write(file)


@dataclass
class _Shared:
    """Who uses a service that a test process started; kept in a file, under a lock."""

    service: int = 0
    """Its process; 0 when it was there before us."""
    users: list[int] = field(default_factory=list)

    @classmethod
    def read(cls, file: Path) -> "_Shared":
        """What the file says, without processes that have ended."""
        if not file.exists():
            return cls()
        shared = cls(**json.loads(file.read_text()))
        shared.users = [pid for pid in shared.users if Path(f"/proc/{pid}").exists()]
        return shared

    def write(self, file: Path) -> None:
        """Keep it."""
        file.write_text(json.dumps(asdict(self)))


def serving_environ() -> dict[str, str]:
    """For a Podman service of a test's own: told of another one, Podman would be a client."""
    return {name: value for name, value in os.environ.items() if name != "CONTAINER_HOST"}


def _start_service(path: Path, command: Sequence[str], environ: Mapping[str, str], cwd: str) -> int:
    service = subprocess.Popen(
        [*command, "system", "service", "--time=0", f"unix://{path}"],
        env=dict(environ),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + _START_TIMEOUT_S
    while not answers(path):
        assert service.poll() is None, f"the Podman service for {path} did not start"
        assert time.monotonic() < deadline, f"the Podman service for {path} does not answer"
        time.sleep(0.05)
    service.returncode = 0  # it may outlive this process: the last user stops it by its id
    return service.pid


def _stop_service(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)


def _with_image(url: str) -> str:
    """Make the test image where it is missing; one worker does, the others wait."""
    folder = Path(tempfile.gettempdir()) / f"podkeeper-test-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    with FileLock(folder / "image.lock"):
        if IMAGE not in _images(url):
            change = ("--change", "ENV PATH=/bin", "--change", 'CMD ["sh"]')
            with tempfile.NamedTemporaryFile(suffix=".tar") as archive:
                archive.write(_busybox_root())
                archive.flush()
                podman(url, "import", *change, archive.name, IMAGE)
    return url


def _busybox_root() -> bytes:
    """A root file system with a static busybox under every one of its names."""
    program = shutil.which("busybox", path=_PATH)
    assert program, "install busybox-static: the test image is made from it"
    names = subprocess.run([program, "--list"], capture_output=True, text=True, check=True).stdout.split()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for folder in ("bin", "etc", "tmp", "proc", "sys", "dev"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if folder == "tmp" else 0o755
            archive.addfile(entry)
        archive.add(program, "bin/busybox")
        for name in names:
            if name != "busybox":
                link = tarfile.TarInfo(f"bin/{name}")
                link.type, link.linkname = tarfile.SYMTYPE, "busybox"
                archive.addfile(link)
        passwd = b"root:x:0:0:root:/:/bin/sh\n"
        entry = tarfile.TarInfo("etc/passwd")
        entry.size = len(passwd)
        archive.addfile(entry, io.BytesIO(passwd))
    return buffer.getvalue()


def remove_project(url: str, project: str) -> None:
    """Remove everything that carries a project's label, and what it created without one.

    Containers are stopped before, as a person would: a supervisor that is still there makes others anew.
    """
    label = f"label=com.docker.compose.project={project}"
    deadline = time.monotonic() + 120
    while containers := podman(url, "ps", "--all", "--quiet", "--filter", label).split():
        assert time.monotonic() < deadline, f"not removed: {containers}"
        with suppress(AssertionError):  # one that is paused is not stopped
            podman(url, "stop", "--time", "0", *containers)
        for container in containers:
            with suppress(AssertionError):  # one that is just stopping is removed the next time
                podman(url, "rm", "--force", "--ignore", "--time", "0", "--volumes", container)
    for noun in ("network", "volume"):
        while left := podman(url, noun, "ls", "--quiet", "--filter", label).split():
            assert time.monotonic() < deadline, f"not removed: {left}"
            for name in left:
                with suppress(AssertionError):  # who made it may be removing it
                    podman(url, noun, "rm", "--force", name)
    own = (f"localhost/{project}/", f"localhost/{project}:")
    while built := [i for i in _images(url) if i.startswith(own)]:
        assert time.monotonic() < deadline, f"not removed: {built}"
        for image in built:
            with suppress(AssertionError):  # who built it may be removing it
                podman(url, "rmi", "--force", image)


def _images(url: str) -> list[str]:
    return podman(url, "images", "--format", "{{.Repository}}:{{.Tag}}").split()
