"""Running a command in a container: three calls, of which the middle one lasts as long as the command."""

import json
import os
import signal
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from typing import TYPE_CHECKING

from containers.adapters.podman_calls import PodmanCalls, path_of
from containers.adapters.podman_log_stream import LogDecoder
from containers.adapters.podman_records import ExecRecord
from containers.adapters.process_status import status_of
from containers.model.base import ContainerId
from containers.model.errors import EngineError, ErrorCode
from containers.model.observed import CommandResult
from containers.model.project import Hook

if TYPE_CHECKING:
    from podman.api.client import APIClient, APIResponse

_OUTPUT_CHARACTERS = 4000
_TIMED_OUT = -1
_SWEEPS = 2
"""Conmon forks the one that waits; it may do so between looking and ending."""
_JSON = {"Content-Type": "application/json"}


async def execute(
    calls: PodmanCalls,
    container: ContainerId,
    command: Sequence[str],
    timeout_s: float,
    hook: Hook | None,
    *,
    doing: str,
    local: bool,
) -> CommandResult:
    """Run `command`; after `timeout_s` give up on it, and end it where we can.

    Raises:
        EngineError: `service_exited` when the container does not run, `not_found` when it is gone.
    """
    body = _body(command, hook)
    session = await calls.run(lambda client: _create(client, container, body), timeout_s, doing=doing)
    try:
        output = await calls.run(lambda client: _attach(client, session, timeout_s), timeout_s, doing=doing)
    except EngineError as error:
        if error.code is not ErrorCode.TIMEOUT:
            raise
        output = None
    payload = await calls.json(path_of("exec", session, "json"), doing=doing)
    record = ExecRecord.model_validate(payload)
    overdue = output is None or record.running
    if local:
        await calls.blocking(lambda: _clear_away(session, record), doing=doing)
    if overdue:
        return CommandResult(
            exit_code=_TIMED_OUT, output=output or f"it did not end within {timeout_s:g} seconds"
        )
    return CommandResult(exit_code=record.exit_code, output=output)


def _body(command: Sequence[str], hook: Hook | None) -> str:
    body: dict[str, object] = {"Cmd": list(command), "AttachStdout": True, "AttachStderr": True}
    if hook is not None:
        body |= {
            "Env": [f"{name}={value}" for name, value in hook.environment.items()],
            "Privileged": hook.privileged,
            "User": hook.user,
            "WorkingDir": hook.working_dir,
        }
    return json.dumps({key: value for key, value in body.items() if value})


def _create(client: "APIClient", container: ContainerId, body: str) -> str:
    response = client.post(path_of("containers", container, "exec"), data=body, headers=_JSON)
    response.raise_for_status()
    return str(response.json()["Id"])


def _attach(client: "APIClient", session: str, timeout_s: float) -> str | None:
    """Start the command and read what it says to its end; None when that takes too long."""
    deadline = time.monotonic() + timeout_s
    decoder = LogDecoder()
    said = ""
    response: APIResponse = client.post(
        path_of("exec", session, "start"), data="{}", headers=_JSON, stream=True, timeout=timeout_s
    )
    with closing(response):
        response.raise_for_status()
        while chunk := response.raw.read1(decode_content=True):
            said = (said + "".join(f"{line}\n" for line in decoder.feed(chunk)))[-_OUTPUT_CHARACTERS:]
            if time.monotonic() > deadline:
                return None
    return (said + "".join(decoder.finish())).strip()[-_OUTPUT_CHARACTERS:]


def _clear_away(session: str, record: ExecRecord) -> None:
    """End what a session leaves behind on this machine; Podman has no call for it.

    A command that hangs would pile up with every repetition. And each session over REST leaves two conmon
    processes that wait for five minutes (`exit_command_delay`) before they forget it, which would be hundreds
    while a stack is waited for. As an ordinary user only what is ours can be ended; the rest ends by itself.
    """
    for _ in range(_SWEEPS):
        doomed = _monitors(session)
        # only what this session started, whatever Podman says its number is
        status = status_of(record.pid) if record.running else None
        if status is not None and status.parent in doomed:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(record.pid, signal.SIGKILL)  # with what it started itself
            doomed.insert(0, record.pid)
        for pid in doomed:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)


def _monitors(session: str) -> list[int]:
    """The conmon processes of an exec session, by the identifier in their command lines."""
    wanted, found = session.encode(), []
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            # this is done at each check, and a Path interns every part of its name
            with suppress(OSError), open(f"{entry.path}/cmdline", "rb") as file:  # noqa: PTH123
                program, _, arguments = file.read().partition(b"\0")
                if program.endswith(b"conmon") and wanted in arguments:
                    found.append(int(entry.name))
    return found
