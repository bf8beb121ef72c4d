"""The tasks that the editor offers, and that `tasks.json` may name."""

import sys
from pathlib import Path

from containers.lsp.protocol import TaskDescription

TASKS: dict[str, tuple[tuple[str, ...], str]] = {
    "up": (("up", "--detach"), "Create and start the stack, and wait until every service is healthy"),
    "down": (("down",), "Stop and remove the stack's containers and networks"),
    "restart": (("restart",), "Restart the stack, in order and health-gated"),
    "drift": (("drift",), "Show how what runs differs from what was applied"),
    "plan": (("plan",), "Show what `up` would do; changes nothing"),
    "validate": (("validate",), "Check the compose files"),
    "status": (("ps",), "Show the state and health of every service"),
    "logs": (("logs", "--follow"), "Follow the logs of the stack"),
    "watch": (("watch",), "Bring what is saved into the running services, as `develop.watch` says"),
    "monitor": (("monitor",), "Keep the stack healthy, in the foreground"),
}


def task_descriptions(
    folders: tuple[Path, ...], environments: dict[Path, str]
) -> tuple[TaskDescription, ...]:
    """Every task for every folder, run by the very program that serves."""
    # -P: a folder `containers` of the workspace is none of ours
    program = (sys.executable, "-P", "-m", "containers", "--env")
    return tuple(
        TaskDescription(
            name=name,
            label=name,
            detail=detail,
            folder=str(folder),
            argv=(*program, environments[folder], *argv),
            verb_at=len(program) + 1,
        )
        for folder in folders
        for name, (argv, detail) in TASKS.items()
    )
