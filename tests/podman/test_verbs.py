"""Verbs on single containers and images, on real Podman, beside docker compose."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pytest
from tests.podman import bed
from tests.podman.stack_services import free_ports

from containers.model.base import ProjectName

LOOP = "trap exit TERM; echo started; while :; do sleep 0.05; done"
_PODKEEPER = (sys.executable, "-m", "containers")
DOCKER_COMPOSE = Path(sys.executable).with_name("docker-compose")
Done = subprocess.CompletedProcess[str]
PATIENCE_S = 30.0


@dataclass
class Stack:
    """A running stack, and both command lines on it."""

    folder: Path
    project: ProjectName
    environ: dict[str, str]
    port: int = 0

    def __call__(self, *arguments: str, stdin: str | None = None, timeout_s: float = 60) -> Done:
        """Run `podkeeper` to the end."""
        return self._run([*_PODKEEPER], arguments, stdin, timeout_s)

    def docker(self, *arguments: str, stdin: str | None = None) -> Done:
        """Run `docker-compose` to the end, on the same engine."""
        return self._run([str(DOCKER_COMPOSE)], arguments, stdin, 60)

    def _run(
        self, program: list[str], arguments: tuple[str, ...], stdin: str | None, timeout_s: float
    ) -> Done:
        return subprocess.run(
            [*program, *arguments],
            cwd=self.folder,
            env=self.environ,
            input=stdin or "",
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def well(self, *arguments: str, stdin: str | None = None) -> str:
        """Run `podkeeper`; it must succeed, and its standard output is the answer."""
        done = self(*arguments, stdin=stdin)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def container(self, service: str, number: int = 1) -> str:
        """A container's name."""
        return f"{self.project}_{service}_{number}"


SAY = "while :; do echo {} > /proc/1/fd/1; sleep 0.1; done"
"""Says it where the container's log is, again and again: who listens may come late."""
SERVICES = """
services:
  web:
    image: IMAGE
    command: LOOP
    deploy: {replicas: 2}
    ports: ["127.0.0.1:PORTS:80"]
  db:
    image: IMAGE
    command: LOOP
    volumes: ["data:/data"]
  job:
    image: IMAGE
    command: ["sh", "-c", "echo bye; exit 0"]
volumes: {data: {}}
"""


@pytest.fixture
def stack(podman_url: str, project: ProjectName, tmp_path: Path) -> Stack:
    """Two replicas of web, a db and a job that has run, on one of the engines."""
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("COMPOSE_", "PODKEEPER_"))}
    environ |= {
        "CONTAINER_HOST": podman_url,
        "DOCKER_HOST": podman_url,
        "PODKEEPER_STATE_DIR": str(tmp_path / "state"),
    }
    folder = tmp_path / "stack"
    folder.mkdir()
    with ExitStack() as held:
        port = free_ports(2, held)
    text = SERVICES.replace("IMAGE", bed.IMAGE).replace("LOOP", json.dumps(["sh", "-c", LOOP]))
    (folder / "compose.yaml").write_text(f"name: {project}\n{text.replace('PORTS', f'{port}-{port + 1}')}")
    stack = Stack(folder, project, environ, port)
    up = stack("up", "-d")
    assert up.returncode == 0, up.stderr
    return stack


def rows(text: str) -> list[dict[str, object]]:
    """One JSON object a line."""
    return [json.loads(line) for line in text.splitlines() if line.strip()]


PASSING = {"RunningFor", "Status"}
"""They tell a time that goes on between two runs."""


def test_ps_prints_what_docker_compose_prints(stack: Stack) -> None:
    """As JSON, field by field; identifiers; services' names; by state."""
    for options in (
        (),
        ("-a",),
        ("--no-trunc",),
        ("web",),
        ("--status", "exited"),
        ("--filter", "status=running"),
    ):
        ours = rows(stack.well("ps", "--format", "json", *options))
        theirs = rows(stack.docker("ps", "--format", "json", *options).stdout)
        assert [sorted(r) for r in ours] == [sorted(r) for r in theirs]
        for mine, other in zip(ours, theirs, strict=True):
            labels = [sorted(str(r.pop("Labels")).split(",")) for r in (mine, other)]
            assert labels[0] == labels[1]
            assert {k: v for k, v in mine.items() if k not in PASSING} == {
                k: v for k, v in other.items() if k not in PASSING
            }
    for options in (("-q",), ("-aq",), ("--services",), ("-a", "--services"), ("-q", "nosuch")):
        ours_done, theirs_done = stack("ps", *options), stack.docker("ps", *options)
        assert ours_done.stdout.split() == theirs_done.stdout.split()
        assert ours_done.returncode == theirs_done.returncode


def test_ps_shows_every_service_to_people_with_a_row_for_each_container(stack: Stack) -> None:
    """One that has ended, and one that was never created, are not passed over in silence."""
    file = stack.folder / "compose.yaml"
    file.write_text(file.read_text().replace("  job:", f"  late: {{image: {bed.IMAGE}}}\n  job:"))
    heading, *lines = stack.well("ps").splitlines()
    assert heading.split() == ["NAME", "IMAGE", "COMMAND", "SERVICE", "CREATED", "STATUS", "PORTS"]
    assert [line.split()[0] for line in lines] == [
        stack.container("db"),
        stack.container("job"),
        stack.container("web"),
        stack.container("web", 2),
        "-",
    ]
    assert "Exited (0)" in lines[1]
    assert f"127.0.0.1:{stack.port}->80/tcp" in lines[2]
    assert "late" in lines[4]
    assert "not created" in lines[4]
    assert {r["service"] for r in json.loads(stack.well("ps", "--json"))} == {"db", "job", "web", "late"}


def test_ports_images_volumes_and_stacks_are_those_of_docker_compose(stack: Stack) -> None:
    """The same text, and the same exit codes."""
    for words in (
        ("port", "web", "80"),
        ("port", "--index", "2", "web", "80"),
        ("port", "web"),
        ("port", "web", "81"),
        ("port", "--protocol", "udp", "web", "80"),
        ("port", "job", "80"),
        ("images", "-q"),
        ("volumes", "-q"),
        ("volumes", "-q", "web"),
        ("volumes",),
        ("ls", "-q", "--filter", f"name={stack.project}"),
        ("ls", "--format", "json", "--filter", f"name={stack.project}"),
        ("ls", "-a", "--format", "json", "--filter", f"name={stack.project}"),
        ("ls", "--filter", "size=1"),
    ):
        ours, theirs = stack(*words), stack.docker(*words)
        assert [line.split() for line in ours.stdout.splitlines()] == [
            line.split() for line in theirs.stdout.splitlines()
        ], words
        assert ours.returncode == theirs.returncode, words
    mine, other = (json.loads(run("images", "--format", "json").stdout) for run in (stack, stack.docker))
    by_name = sorted(other, key=lambda r: str(r["ContainerName"]))
    assert [{k: v for k, v in r.items() if k != "Created"} for r in mine] == [
        {k: v for k, v in r.items() if k != "Created"} for r in by_name
    ]
    (volume,), (their_volume,) = (
        rows(run("volumes", "--format", "json").stdout) for run in (stack, stack.docker)
    )
    assert volume.pop("Labels") == ",".join(sorted(str(their_volume.pop("Labels")).split(",")))
    assert volume == their_volume


def test_stacks_of_other_programs_are_listed_too(stack: Stack, podman_url: str) -> None:
    """Whoever labels containers as compose does; and no compose file is needed."""
    name = f"{stack.project}other"
    label = f"com.docker.compose.project={name}"
    options = ("--label", label, "--label", "com.docker.compose.service=app", "--name", f"{name}-app-1")
    bed.podman(podman_url, "run", "-d", *options, bed.IMAGE, "sleep", "100")
    try:
        (stack.folder / "compose.yaml").unlink()
        listed = json.loads(stack.well("ls", "--format", "json", "--filter", f"name={stack.project}"))
    finally:
        bed.remove_project(podman_url, name)
    assert [(r["Name"], r["Status"]) for r in listed] == [
        (stack.project, "running(3)"),
        (name, "running(1)"),
    ]


def test_exec_ends_with_the_commands_own_code_as_in_docker_compose(stack: Stack) -> None:
    """Also what goes wrong; what it prints, and what it is given, pass through."""
    for place, command in (
        (("-T", "db"), ("sh", "-c", "exit 7")),
        (("-T", "db"), ("true",)),
        (("-T", "-w", "/etc", "db"), ("pwd",)),
        (("-T", "-u", "5:6", "db"), ("id",)),
        (("-T", "-e", "A=one", "-e", "HOME=/there", "db"), ("sh", "-c", "echo $A $HOME")),
        (("-T", "--index", "2", "web"), ("hostname",)),
    ):
        ours, theirs = whole(stack, place, *command), whole(stack.docker, place, *command)
        assert ours.stdout == theirs.stdout, (place, command)
        assert ours.returncode == theirs.returncode, (place, command)
    for words in (
        ("-T", "db", "sh", "-c", "exit 7"),
        ("-T", "db", "no-such-program"),
        ("-T", "job", "true"),
        ("-T", "nosuch", "true"),
        ("-T", "--index", "5", "web", "true"),
        ("-d", "db", "sleep", "0"),
    ):
        ours, theirs = stack("exec", *words), stack.docker("exec", *words)
        if words[-1] != "no-such-program":
            assert ours.stdout == theirs.stdout, words
        assert ours.returncode == theirs.returncode, words
    assert whole(stack, ("-T", "db"), "cat", stdin="through\n").stdout == "through\n"
    assert whole(stack, ("-T", "db"), "echo", "-e", "--help").stdout == "--help\n"


def whole(run: Callable[..., Done], place: tuple[str, ...], *command: str, stdin: str | None = None) -> Done:
    """`exec` of a command, and all that it printed: run again where Podman loses that."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        done = run("exec", *place, *bed.FRAME, *command, stdin=stdin)
        if (said := bed.framed(done.stdout)) is not None:
            return Done(done.args, done.returncode, said, done.stderr)
        assert time.monotonic() < deadline, f"nothing of {command}; {done.returncode}: {done.stderr}"


def test_exec_gives_a_terminal_where_there_is_one(stack: Stack) -> None:
    """Standard input and output are one; `-T` forbids it."""
    # what ends at once may be gone before Podman has joined its streams
    question = "test -t 0 && test -t 1 && echo a terminal || echo none; sleep 0.2"

    def in_terminal(*arguments: str, **_: object) -> Done:
        return Done(arguments, 0, _in_terminal(stack, *arguments), "")

    assert whole(in_terminal, ("db",), "sh", "-c", question).stdout == "a terminal\r\n"
    assert whole(in_terminal, ("-T", "db"), "sh", "-c", question).stdout.strip() == "none"
    assert whole(stack, ("db",), "sh", "-c", question).stdout == "none\n"


def _in_terminal(stack: Stack, *arguments: str) -> str:
    """What `podkeeper` writes in a terminal of its own; it must succeed."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [*_PODKEEPER, *arguments],
        cwd=stack.folder,
        env=stack.environ,
        stdin=follower,
        stdout=follower,
        stderr=follower,
        start_new_session=True,
    )
    os.close(follower)
    said = b""
    try:
        while chunk := os.read(leader, 4096):
            said += chunk
    except OSError:  # the end of a terminal
        pass
    finally:
        os.close(leader)
    assert process.wait(timeout=30) == 0, said
    return said.decode()


def test_variables_of_exec_are_in_no_process_list(stack: Stack) -> None:
    """A value reaches the container through the environment, not through argv."""
    deadline = time.monotonic() + PATIENCE_S
    said = b""
    while not said:  # Podman now and then loses all that a command prints
        assert time.monotonic() < deadline, "nothing was printed"
        running = subprocess.Popen(
            [*_PODKEEPER, "exec", "-T", "-e", "TOKEN", "db", "sh", "-c", "echo $TOKEN; sleep 1"],
            cwd=stack.folder,
            env={**stack.environ, "TOKEN": "s3cr3t-value"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        )
        assert running.stdout is not None
        said = running.stdout.readline()
        shown = b"".join(_command_lines())
        running.communicate(timeout=30)
        assert b"s3cr3t-value" not in shown
    assert said == b"s3cr3t-value\n"


def _command_lines() -> list[bytes]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(entry.read_bytes())
        except OSError:
            continue
    return found


def test_files_are_copied_both_ways(stack: Stack, tmp_path: Path) -> None:
    """Into every replica or one; folders; tar archives; links under their own names."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in/file").write_text("content")
    stack.well("cp", str(tmp_path / "in"), "web:/etc/")
    for number in ("1", "2"):
        assert whole(stack, ("-T", "--index", number, "web"), "cat", "/etc/in/file").stdout == "content"
    stack.well("cp", "--index", "2", str(tmp_path / "in/file"), "web:/etc/second")
    assert stack("exec", "-T", "--index", "1", "web", "test", "-e", "/etc/second").returncode == 1
    stack.well("cp", "--index", "2", "web:/etc/in", str(tmp_path / "out"))
    assert (tmp_path / "out/file").read_text() == "content"
    stack.well("cp", "job:/etc/passwd", ".")
    assert (stack.folder / "passwd").read_text().startswith("root:")
    archive = subprocess.run(
        [*_PODKEEPER, "cp", "web:/etc/in", "-"],
        cwd=stack.folder,
        env=stack.environ,
        capture_output=True,
        check=True,
    ).stdout
    with tarfile.open(fileobj=BytesIO(archive)) as tar:
        assert sorted(tar.getnames()) == ["in", "in/file"]
    subprocess.run(
        [*_PODKEEPER, "cp", "-", "db:/data"],
        cwd=stack.folder,
        env=stack.environ,
        input=archive,
        check=True,
        capture_output=True,
    )
    assert whole(stack, ("-T", "db"), "cat", "/data/in/file").stdout == "content"
    for words in (("web:/nosuch", "."), ("nosuch:/x", "."), ("a", "b"), ("web:/a", "db:/b")):
        done = stack("cp", *words)
        assert done.returncode == 1
        assert re.search(r"error \[(not_found|service_unknown|usage)\]", done.stderr)


def test_pause_kill_and_unpause_change_what_they_say(stack: Stack, podman_url: str) -> None:
    """Rootless Podman cannot pause with cgroups v1, and says so."""
    paused = stack("pause", "web")
    if paused.returncode:
        assert "error [unsupported_by_podman]" in paused.stderr
    else:
        assert stack.well("ps", "-q", "--status", "paused").split() == _ids(podman_url, stack, "web")
        assert "Paused" in stack.well("ps", "web")
        refused = stack("exec", "-T", "web", "true")
        assert (refused.returncode, "unpause web" in refused.stderr) == (1, True)
        assert "Unpaused" in stack("unpause").stderr
    assert stack.well("ps", "-q", "--status", "running", "web").split() == _ids(podman_url, stack, "web")
    stack.well("kill", "-s", "HUP", "job")
    killed = stack("kill", "web")
    assert killed.returncode == 0, killed.stderr
    codes = {r["ExitCode"] for r in rows(stack.well("ps", "-a", "--format", "json", "web"))}
    assert codes == {137}
    assert stack("kill", "nosuch").returncode == stack.docker("kill", "nosuch").returncode == 1


def _ids(url: str, stack: Stack, service: str) -> list[str]:
    wanted = (f"com.docker.compose.project={stack.project}", f"com.docker.compose.service={service}")
    labels = [part for label in wanted for part in ("--filter", f"label={label}")]
    pairs = bed.podman(url, "ps", "-a", "--no-trunc", *labels, "--format", "{{.Names}} {{.ID}}").splitlines()
    return [pair.split()[1] for pair in sorted(pairs)]


def test_kill_waits_for_whoever_changes_the_stack(stack: Stack) -> None:
    """It takes the project's lock, and names who has it."""
    file = stack.folder / "compose.yaml"
    check = "healthcheck: {test: ['CMD', 'false'], interval: 2s, retries: 20, timeout: 1s}"
    file.write_text(
        file.read_text().replace(
            "  job:", f"  slow: {{image: {bed.IMAGE}, command: ['sleep', '60'], {check}}}\n  job:"
        )
    )
    applying = subprocess.Popen(
        [*_PODKEEPER, "up", "-d"],
        cwd=stack.folder,
        env=stack.environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    holder = Path(stack.environ["PODKEEPER_STATE_DIR"]) / "locks" / f"{stack.project}.json"
    deadline = time.monotonic() + 30
    try:
        while not holder.exists():
            assert time.monotonic() < deadline, "nobody took the lock"
            time.sleep(0.05)
        refused = stack("kill", "web")
    finally:
        applying.send_signal(signal.SIGINT)
        applying.wait(timeout=60)
    assert refused.returncode == 1
    assert "error [lock_held]" in refused.stderr
    assert stack.well("ps", "--services").split() == ["db", "web"]


def test_wait_ends_with_the_containers_code_as_in_docker_compose(stack: Stack) -> None:
    """Of one that has ended, and of one that ends meanwhile."""
    ours, theirs = stack("wait", "job"), stack.docker("wait", "job")
    assert (ours.stdout, ours.returncode) == (theirs.stdout, theirs.returncode)
    waiting = subprocess.Popen(
        [*_PODKEEPER, "wait", "db"],
        cwd=stack.folder,
        env=stack.environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    time.sleep(1)
    assert waiting.poll() is None
    stack.well("kill", "db")
    assert waiting.wait(timeout=20) == 137


def test_wait_takes_the_stack_down_when_it_is_asked_to(stack: Stack, podman_url: str) -> None:
    """At the first end, whatever else runs; with the code of what ended."""
    done = stack("wait", "--down-project", "job", "db")
    assert done.returncode == 0, done.stderr
    assert "exited with status code 0" in done.stdout
    label = f"label=com.docker.compose.project={stack.project}"
    assert bed.podman(podman_url, "ps", "-aq", "--filter", label) == ""


def test_attach_shows_what_comes_and_ends_with_the_containers_code(stack: Stack) -> None:
    """Without standard input it only watches."""
    attached = subprocess.Popen(
        [*_PODKEEPER, "attach", "--no-stdin", "db"],
        cwd=stack.folder,
        env=stack.environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert attached.stdout is not None
    stack.well("exec", "-d", "db", "sh", "-c", SAY.format("hello"))
    assert attached.stdout.readline() == "hello\n"
    stack.well("kill", "db")
    attached.communicate(timeout=20)
    assert attached.returncode == 137


def test_logs_are_of_each_replica_under_its_own_name(stack: Stack) -> None:
    """With docker compose's flags."""
    said = stack.well("logs").splitlines()
    assert sorted(said) == ["db-1   | started", "job-1  | bye", "web-1  | started", "web-2  | started"]
    assert stack.well("logs", "--no-log-prefix", "web") == "started\nstarted\n"
    assert stack.well("logs", "--index", "2", "web") == "web-2  | started\n"
    assert re.fullmatch(r"db-1  \| \d{4}-\d\d-\d\dT\S+ started\n", stack.well("logs", "-t", "db"))
    assert stack.well("logs", "--since", "1h", "--no-color", "-n", "all", "db") == "db-1  | started\n"
    assert stack.well("logs", "--until", "1h", "db") == ""
    assert stack.well("logs", "--since", "2020-01-02T03:04:05Z", "-n", "0", "db") == ""
    assert json.loads(stack.well("logs", "--json", "web")) == {"web": ["started", "started"]}
    for words in (("--since", "noon"), ("-n", "some"), ("nosuch",)):
        assert stack("logs", *words).returncode == 1


def test_logs_are_followed_until_the_containers_end(stack: Stack) -> None:
    """All replicas at once, each line as it comes."""
    following = subprocess.Popen(
        [*_PODKEEPER, "logs", "-f", "-n", "0", "web"],
        cwd=stack.folder,
        env=stack.environ,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert following.stdout is not None
    for number in ("1", "2"):
        stack.well("exec", "-d", "--index", number, "web", "sh", "-c", SAY.format(f"line {number}"))
    wanted = {"web-1  | line 1\n", "web-2  | line 2\n"}
    seen: set[str] = set()
    while seen != wanted:
        seen.add(following.stdout.readline())
        assert seen <= wanted
    stack.well("kill", "web")
    following.communicate(timeout=20)
    assert following.returncode == 0


def test_top_lists_the_processes_of_every_replica(stack: Stack) -> None:
    """Without a `ps` program in the image."""
    heading, *lines = stack.well("top", "web").splitlines()
    assert heading.split()[:4] == ["SERVICE", "#", "USER", "PID"]
    assert {tuple(line.split()[:2]) for line in lines} == {("web", "1"), ("web", "2")}
    assert stack("top", "nosuch").returncode == 1


def test_stats_have_the_fields_of_docker_compose(stack: Stack) -> None:
    """One row a running container; rootless Podman cannot measure with the first version of cgroups."""
    done = stack("stats", "--no-stream", "--format", "json")
    if done.returncode:
        assert "error [unsupported_by_podman]" in done.stderr
        return
    ours = rows(done.stdout)
    theirs = rows(stack.docker("stats", "--no-stream", "--format", "json").stdout)
    assert {str(r["Name"]): sorted(r) for r in ours} == {str(r["Name"]): sorted(r) for r in theirs}
    assert all(re.fullmatch(r"\d+\.\d\d%", str(r["CPUPerc"])) for r in ours)
    table = stack.well("stats", "--no-stream", "-a").splitlines()
    assert table[0].split()[:3] == ["CONTAINER", "ID", "NAME"]
    assert len(table) == 5


@pytest.mark.xdist_group("build")  # cancelling one build can end another in the same Podman
def test_images_are_built_pulled_and_pushed(stack: Stack) -> None:
    """What is built has its arguments; what no registry answers for is one coded problem."""
    (stack.folder / "Dockerfile").write_text(f"FROM {bed.IMAGE}\nARG WHO=nobody\nRUN echo $WHO > /who\n")
    image = f"localhost/{stack.project}/api:1"
    (stack.folder / "built.yaml").write_text(
        f"name: {stack.project}\nservices: {{api: {{image: '{image}', build: .}}}}\n"
    )
    built = ("-f", "built.yaml")
    done = stack(*built, "build", "--build-arg", "WHO=somebody", "--no-cache")
    assert done.returncode == 0, done.stderr
    assert "Built" in done.stderr
    inside = bed.podman(stack.environ["CONTAINER_HOST"], "run", "--rm", image, "cat", "/who")
    assert inside == "somebody"
    stack.well(*built, "pull", "--ignore-buildable")
    stack.well(*built, "pull", "--policy", "missing")
    failed = stack(*built, "pull", "-q")
    assert failed.returncode == 1
    assert "error [image_" in failed.stderr
    stack.well(*built, "pull", "-q", "--ignore-pull-failures")
    pushed = stack(*built, "push", "-q")
    assert pushed.returncode == 1
    assert "error [image_push_failed]" in pushed.stderr
    stack.well(*built, "push", "-q", "--ignore-push-failures")
    (stack.folder / "Dockerfile").write_text(f"FROM {bed.IMAGE}\nRUN false\n")
    broken = stack(*built, "build")
    assert broken.returncode == 1
    assert "error [build_failed]" in broken.stderr
