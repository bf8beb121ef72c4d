"""One REST call to Podman: in a thread, within its time, and with its failure translated."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from typing import Any, Literal, TypeVar
from urllib.parse import quote

from podman.api.client import APIClient, APIResponse

from containers.adapters.podman_client import open_client
from containers.adapters.podman_errors import from_exception, from_text
from containers.adapters.podman_threads import ClientThreads
from containers.model.errors import EngineError, ErrorCode

_T = TypeVar("_T")

GONE = 404
UNCHANGED = 304
"""Podman's answer to starting what runs, and to stopping what does not."""
_FIRST_ERROR = 400
_MOST_THREADS = 24
"""Stops and health checks wait inside the engine, each in a thread; listing must still find a free one."""
_MARGIN_S = 5.0
"""After the client's own timeout, which counts silence and not the whole."""

Verb = Literal["get", "post", "delete"]


class PodmanCalls:
    """Sends requests to one Podman service."""

    def __init__(self, url: str, timeout_s: float) -> None:
        """Talk to `url`; a call may take `timeout_s` unless it says otherwise."""
        self.url = url
        self._timeout_s = timeout_s
        self._threads = ClientThreads(lambda: open_client(url, timeout_s), _MOST_THREADS)

    async def send(
        self,
        verb: Verb,
        path: str,
        params: Mapping[str, str] | None = None,
        *,
        doing: str,
        accept: Collection[int] = (),
        timeout_s: float | None = None,
        fallback: ErrorCode = ErrorCode.ENGINE_ERROR,
    ) -> APIResponse:
        """Send one request.

        Args:
            verb: the HTTP method.
            path: below `/libpod/`; build it with `path_of`.
            params: the query.
            doing: what is tried, in the infinitive, for the error's message.
            accept: status codes of 400 and above that are answers here, not errors.
            timeout_s: instead of the default.
            fallback: the code of an error whose text is not recognised.

        Raises:
            EngineError: the service refused, or could not be reached in time.
        """
        limit_s = timeout_s if timeout_s is not None else self._timeout_s

        def work(client: APIClient) -> APIResponse:
            response: APIResponse = getattr(client, verb)(path, params=params, timeout=limit_s)
            if response.status_code >= _FIRST_ERROR and response.status_code not in accept:
                response.raise_for_status()
            return response

        return await self.run(work, limit_s, doing=doing, fallback=fallback)

    async def json(self, path: str, params: Mapping[str, str] | None = None, *, doing: str) -> Any:
        """GET one JSON document."""
        response = await self.send("get", path, params, doing=doing)
        return response.json()

    async def blocking(self, work: Callable[[], _T], *, doing: str) -> _T:
        """Run something else that blocks, in one of the same threads."""
        return await self.run(lambda _: work(), self._timeout_s, doing=doing)

    async def run(
        self,
        work: Callable[[APIClient], _T],
        limit_s: float,
        *,
        doing: str,
        fallback: ErrorCode = ErrorCode.ENGINE_ERROR,
    ) -> _T:
        """Do something with a client, in one of the threads, that should end within `limit_s`.

        Raises:
            EngineError: whatever went wrong, translated.
        """
        try:
            async with asyncio.timeout(limit_s + _MARGIN_S):
                return await self._threads.call(work)
        except Exception as error:
            raise from_exception(error, doing, fallback=fallback) from error

    def close(self) -> None:
        """Let the threads go."""
        self._threads.close()


def path_of(*parts: str) -> str:
    """A path below `/libpod/`, with what is not safe in one quoted; image names keep their slashes."""
    return "/".join(quote(part, safe="/:@") for part in parts)


def refusals_in(response: APIResponse, doing: str) -> None:
    """Raise what a removal's report says: Podman answers 200 and puts the error inside.

    Raises:
        EngineError: the report names an error.
    """
    if not response.content:
        return
    for entry in response.json() or ():
        if problem := entry.get("Err"):
            text = problem if isinstance(problem, str) else str(problem.get("message", problem))
            raise from_text(text, doing)


@asynccontextmanager
async def together() -> AsyncIterator[asyncio.TaskGroup]:
    """A TaskGroup for calls to the engine: the first `EngineError` comes out bare, as callers expect it."""
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except BaseExceptionGroup as failures:
        matching, rest = failures.split(EngineError)
        if rest is not None or matching is None:
            raise
        first: BaseException = matching
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        raise first from None
