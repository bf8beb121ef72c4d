"""What is waited for: checks as they are in the world, tried several times in one visit to the container."""

import json

from tests.podman import bed
from tests.podman.command_line import Cli

from containers.model.base import ProjectName

READY_LATER = "sleep 1.5; echo ready > /tmp/ready; while :; do sleep 1; done"


def write(cli: Cli, command: str, *check: str, retries: int = 20) -> None:
    """A compose file with a service that is ready after a while."""
    service = {
        "image": bed.IMAGE,
        "command": ["sh", "-c", command],
        "stop_grace_period": "1s",
        "healthcheck": {"test": ["CMD", *check], "interval": "1s", "timeout": "1s", "retries": retries},
    }
    stack = {"name": cli.project, "services": {"web": service}}
    (cli.folder / "compose.yaml").write_text(json.dumps(stack))


def test_a_service_without_a_shell_is_waited_for_as_well(cli: Cli) -> None:
    """As in an image that is nothing but a program."""
    write(cli, f"rm /bin/sh; {READY_LATER}", "/bin/busybox", "test", "-e", "/tmp/ready")  # noqa: S108
    done = cli("up", "-d")
    assert done.returncode == 0, done.stderr
    assert cli.ps()["web"]["health"] == "healthy"


def test_a_check_that_comes_to_hang_is_ended_with_what_it_started(
    cli: Cli, podman_url: str, project: ProjectName
) -> None:
    """It fails at once, then hangs twice, then passes: nothing of it goes on."""
    tries = "echo x >> /tmp/t; n=$$(wc -l < /tmp/t); test $$n -gt 4 && exit 0; test $$n -gt 2 || exit 1"
    write(cli, READY_LATER, "sh", "-c", f"{tries}; sleep 4711; exit 1")
    done = cli("up", "-d")
    assert done.returncode == 0, done.stderr
    assert "4711" not in bed.inside(podman_url, f"{project}_web_1", "ps")
    assert int(bed.inside(podman_url, f"{project}_web_1", "wc", "-l", "/tmp/t").split()[0]) > 4  # noqa: S108


def test_a_check_that_never_passes_is_shown_with_its_last_words_once(cli: Cli) -> None:
    """However often it was tried."""
    write(cli, READY_LATER, "sh", "-c", "echo no such table; exit 3", retries=4)
    done = cli("up", "-d")
    assert done.returncode == 1
    assert done.stderr.count("no such table") == 1, done.stderr
