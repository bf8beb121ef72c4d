"""`run`: a command in a container of its own, on real Podman."""

import json
import subprocess
import sys

from tests.podman import bed
from tests.podman.command_line import Cli

STACK = """
services:
  api:
    image: IMAGE
    command: LOOP
    environment: {GREETING: hello}
    ports: ["127.0.0.1::80"]
    restart: always
    depends_on: {db: {condition: service_healthy}}
  db:
    image: IMAGE
    command: LOOP
    healthcheck: {test: "true", interval: 30s}
"""


def test_a_command_runs_beside_the_service_with_what_it_needs(cli: Cli, podman_url: str) -> None:
    """Dependencies are up and healthy, the exit code is the command's, and nothing else is touched."""
    cli.write(STACK)
    done = cli("run", "--rm", "-T", "-e", "NAME=you", "api", "sh", "-c", "echo $GREETING $NAME; exit 7")
    assert done.returncode == 7, done.stderr
    assert done.stdout == "hello you\n"
    rows = cli.ps()
    assert (rows["db"]["state"], rows["db"]["health"]) == ("running", "healthy")
    assert rows["api"]["state"] == "absent"
    label = f"label=com.docker.compose.project={cli.project}"
    names = bed.podman(podman_url, "ps", "-a", "--filter", label, "--format", "{{.Names}}")
    assert names == f"{cli.project}_db_1"


def test_what_run_leaves_running_is_no_part_of_the_service(cli: Cli, podman_url: str) -> None:
    """It is neither counted as a replica nor drift, has no port and no restarts, and goes with `down`."""
    cli.write(STACK)
    assert cli("up", "-d").returncode == 0
    done = cli("run", "-d", "--name", f"{cli.project}_job", "api", "sleep", "100")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"{cli.project}_job"
    assert cli("plan").returncode == 0
    assert cli("drift").returncode == 0
    made = json.loads(bed.podman(podman_url, "container", "inspect", f"{cli.project}_job"))[0]
    assert made["HostConfig"]["RestartPolicy"]["Name"] in {"", "no"}
    assert not made["HostConfig"]["PortBindings"]
    assert made["Config"]["Cmd"] == ["sleep", "100"]
    assert cli("down", "-t", "0").returncode == 0
    label = f"label=com.docker.compose.project={cli.project}"
    assert bed.podman(podman_url, "ps", "-aq", "--filter", label) == ""


def test_a_command_reads_what_is_piped_into_it(cli: Cli) -> None:
    """Standard input is the command's."""
    cli.write("services: {api: {image: IMAGE, command: LOOP}}")
    done = subprocess.run(
        [sys.executable, "-m", "containers", "run", "--rm", "-T", "api", "cat"],
        cwd=cli.folder,
        env=cli.environ,
        input="from outside\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "from outside\n"), done.stderr
