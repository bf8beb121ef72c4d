"""Running a command in a container: three calls, of which the middle one lasts as long as the command."""

import json
import os
import signal
import time
from collections.abc import Sequence
from contextlib import closing, suppress

from podman.api.client import APIClient, APIResponse

from containers.adapters.podman_calls import PodmanCalls, path_of
from containers.adapters.podman_log_stream import LogDecoder
from containers.adapters.podman_records import ExecRecord
from containers.model.base import ContainerId
from containers.model.errors import EngineError, ErrorCode
from containers.model.observed import CommandResult

_OUTPUT_CHARACTERS = 4000
_TIMED_OUT = -1
_JSON = {"Content-Type": "application/json"}


async def execute(
    calls: PodmanCalls,
    container: ContainerId,
    command: Sequence[str],
    timeout_s: float,
    *,
    doing: str,
    local: bool,
) -> CommandResult:
    """Run `command`; after `timeout_s` give up on it, and end it where we can.

    Raises:
        EngineError: `service_exited` when the container does not run, `not_found` when it is gone.
    """
    session = await calls.run(lambda client: _create(client, container, command), timeout_s, doing=doing)
    try:
        output = await calls.run(lambda client: _attach(client, session, timeout_s), timeout_s, doing=doing)
    except EngineError as error:
        if error.code is not ErrorCode.TIMEOUT:
            raise
        output = None
    payload = await calls.json(path_of("exec", session, "json"), doing=doing)
    record = ExecRecord.model_validate(payload)
    if output is None or record.running:
        if local:
            _end(record)
        return CommandResult(
            exit_code=_TIMED_OUT, output=output or f"it did not end within {timeout_s:g} seconds"
        )
    return CommandResult(exit_code=record.exit_code, output=output)


def _create(client: APIClient, container: ContainerId, command: Sequence[str]) -> str:
    body = json.dumps({"Cmd": list(command), "AttachStdout": True, "AttachStderr": True})
    response = client.post(path_of("containers", container, "exec"), data=body, headers=_JSON)
    response.raise_for_status()
    return str(response.json()["Id"])


def _attach(client: APIClient, session: str, timeout_s: float) -> str | None:
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


def _end(session: ExecRecord) -> None:
    """Podman has no call for it: a check that hangs would pile up with every repetition.

    As an ordinary user only what runs as the container's root can be ended; the rest belongs to another user.
    """
    if session.running and session.pid > 1:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(session.pid, signal.SIGKILL)
