"""Logs that the editor follows."""

import asyncio

from containers.compose_manager import ComposeManager
from containers.lsp.client import EditorClient
from containers.lsp.protocol import LOGS_APPENDED, LogsAppended, LogsFollowParams
from containers.model.errors import PodkeeperError
from containers.observation.followed_log import FollowedLog
from containers.ports.machine import Clock, TaskOwner

RETRY_S = 1.0
"""A container that ended may come back: it is followed again after this."""


class LogStreams:
    """One task a followed service; it goes on over restarts, until it is told to stop."""

    def __init__(self, *, client: EditorClient, clock: Clock, group: TaskOwner) -> None:
        self._client = client
        self._clock = clock
        self._group = group
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def follow(self, manager: ComposeManager, params: LogsFollowParams) -> None:
        """Send the end of a service's log, and all that comes after it."""
        self.unfollow(params.stream)
        self._tasks[params.stream] = self._group.create_task(
            self._run(manager, params), name=f"logs:{params.service}"
        )

    def unfollow(self, stream: str) -> None:
        """Stop; no error when nothing is followed under that name."""
        task = self._tasks.pop(stream, None)
        if task is not None:
            task.cancel()

    def close(self) -> None:
        """Stop everything."""
        for stream in tuple(self._tasks):
            self.unfollow(stream)

    async def _run(self, manager: ComposeManager, params: LogsFollowParams) -> None:
        log = FollowedLog(params.lines, self._clock.now())
        told = ""
        is_first = True
        while True:
            # files that were wrong are read anew when somebody saves them, not at each look
            if is_first or manager.project is not None:
                is_first = False
                try:
                    async for line in manager.follow_logs(params.service, log):
                        self._send(params.stream, f"{line}\n")
                    told = ""
                except PodkeeperError as error:
                    if str(error) != told:
                        self._send(params.stream, f"({error})\n")
                        told = str(error)
            await self._clock.sleep(RETRY_S)

    def _send(self, stream: str, text: str) -> None:
        self._client.notify(LOGS_APPENDED, LogsAppended(stream=stream, text=text))
