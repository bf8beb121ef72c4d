"""One REST call to Podman: in a thread, within its time, and with its failure translated."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from urllib.parse import quote

from containers.adapters.persistence import persistently
from containers.adapters.podman_errors import RefusedError, from_exception, from_text
from containers.adapters.podman_http import UNIX, Answer, SocketClient
from containers.adapters.podman_threads import ClientThreads
from containers.execution.together import bare_errors
from containers.model.errors import EngineError, ErrorCode

if TYPE_CHECKING:
    from podman.api.client import APIClient

_T = TypeVar("_T")

GONE = 404
_FIRST_ERROR = 400
_MOST_THREADS = 24
"""Stops and health checks wait inside the engine, each in a thread; listing must still find a free one."""
_LISTS = frozenset({"containers/json", "networks/json", "volumes/json"})
_LISTS_AGAIN = 4
_QUESTIONS_AGAIN = 4
_APART_S = 0.05
"""Between two questions, where the answer breaks off until the engine has noticed what happened."""
_ENDED_MEANWHILE = re.compile(r"/proc/\d+\S*: no such process", re.IGNORECASE)
_MARGIN_S = 5.0
"""After the client's own timeout, which counts silence and not the whole."""

Verb = Literal["get", "post", "put", "delete"]
_JSON_TYPE = "application/json"
_TAR_TYPE = "application/x-tar"


class PodmanCalls:
    """Sends requests to one Podman service."""

    def __init__(self, url: str, timeout_s: float) -> None:
        """Talk to `url`; a call may take `timeout_s` unless it says otherwise."""
        self.url = url
        self._timeout_s = timeout_s
        self._threads = ClientThreads(lambda: Clients(url, timeout_s), _MOST_THREADS)

    async def send(
        self,
        verb: Verb,
        path: str,
        params: Mapping[str, str | list[str]] | None = None,
        *,
        doing: str,
        body: Any = None,
        archive: bytes | None = None,
        accept: Collection[int] = (),
        timeout_s: float | None = None,
        fallback: ErrorCode = ErrorCode.ENGINE_ERROR,
        repeatable: bool | None = None,
    ) -> Answer:
        """Send one request; one that may be repeated is, for some seconds, while Podman can not be reached.

        A question is asked again where the process that Podman looked at ended under its hands.

        Args:
            verb: the HTTP method.
            path: below `/libpod/`; build it with `path_of`.
            params: the query.
            doing: what is tried, in the infinitive, for the error's message.
            body: a document to send along, as JSON.
            archive: a tar archive to send along, instead.
            accept: status codes of 400 and above that are answers here, not errors.
            timeout_s: instead of the default.
            fallback: the code of an error whose text is not recognised.
            repeatable: whether doing it twice is the same as once; None: everything but `post` is.

        Raises:
            EngineError: the service refused, or could not be reached in time.
        """
        limit_s = timeout_s if timeout_s is not None else self._timeout_s
        content = archive if body is None else json.dumps(body).encode()
        content_type = _JSON_TYPE if archive is None else _TAR_TYPE

        def work(clients: Clients) -> Answer:
            answer = clients.request(
                verb, path, params, body=content, content_type=content_type, timeout_s=limit_s
            )
            if answer.status_code < _FIRST_ERROR or answer.status_code in accept:
                return answer
            # what is removed while Podman looks at it is an error of its own (500)
            if (
                verb == "get"
                and GONE in accept
                and from_text(answer.explanation, doing).code is ErrorCode.NOT_FOUND
            ):
                return Answer(GONE, answer.content, answer.headers)
            raise RefusedError(answer.explanation)

        async def once() -> Answer:
            for _ in range(_QUESTIONS_AGAIN if verb == "get" else 0):
                try:
                    return await self._call(work, limit_s, doing=doing, fallback=fallback)
                except EngineError as error:
                    if not _overtaken(error):
                        raise
            return await self._call(work, limit_s, doing=doing, fallback=fallback)

        if not (verb != "post" if repeatable is None else repeatable):
            return await once()
        return await persistently(once)

    async def json(
        self, path: str, params: Mapping[str, str | list[str]] | None = None, *, doing: str
    ) -> Any:
        """GET one JSON document.

        Podman lists one after the other what it has found before, and fails where one of them, of whatever
        project, has been removed in between: the next list knows nothing of it. And it breaks off what it
        says of the processes of one that has just ended.
        """
        for _ in range(_LISTS_AGAIN if path in _LISTS else 0):
            try:
                return await self._document(path, params, doing)
            except EngineError as error:
                if error.code not in {ErrorCode.NOT_FOUND, ErrorCode.ENGINE_ERROR}:
                    raise
        return await self._document(path, params, doing)

    async def find(self, path: str, *, doing: str) -> Any | None:
        """GET one JSON document; None where what it describes is not there."""
        return await self._document(path, None, doing, accept=(GONE,))

    async def _document(
        self,
        path: str,
        params: Mapping[str, str | list[str]] | None,
        doing: str,
        accept: tuple[int, ...] = (),
    ) -> Any:
        for _ in range(_QUESTIONS_AGAIN):
            answer = await self.send("get", path, params, doing=doing, accept=accept)
            if answer.status_code in accept:
                return None
            with suppress(EngineError):
                return document_in(answer, doing)
            await asyncio.sleep(_APART_S)
        raise _broken_off(doing)

    async def blocking(self, work: Callable[[], _T], *, doing: str) -> _T:
        """Run something else that blocks, in one of the same threads."""
        return await self._call(lambda _: work(), self._timeout_s, doing=doing)

    async def run(self, work: "Callable[[APIClient], _T]", limit_s: float, *, doing: str) -> _T:
        """Do something with podman-py's client, in one of the threads, that should end within `limit_s`.

        Raises:
            EngineError: whatever went wrong, translated.
        """
        return await self._call(lambda clients: work(clients.podman_py), limit_s, doing=doing)

    async def _call(
        self,
        work: "Callable[[Clients], _T]",
        limit_s: float,
        *,
        doing: str,
        fallback: ErrorCode = ErrorCode.ENGINE_ERROR,
    ) -> _T:
        try:
            async with asyncio.timeout(limit_s + _MARGIN_S):
                return await self._threads.call(work)
        except Exception as error:
            raise from_exception(error, doing, fallback=fallback) from error

    def close(self) -> None:
        """Let the threads go."""
        self._threads.close()


def _overtaken(error: EngineError) -> bool:
    """Whether Podman read of a process, in `/proc`, that ended between its finding and its reading it.

    It takes a missing file there for a container that has stopped, but not a read that finds no process
    any more: inspecting a container in the instant of its end fails once in some ten thousand times.
    """
    return bool(_ENDED_MEANWHILE.search(str(error)))


class Clients:
    """What one thread talks to the engine with; each is made when it is first needed."""

    def __init__(self, url: str, timeout_s: float) -> None:
        self._url = url
        self._timeout_s = timeout_s
        self._socket = SocketClient(url, timeout_s) if url.startswith(UNIX) else None
        self._podman_py: APIClient | None = None

    @property
    def podman_py(self) -> "APIClient":
        """For what is more than one short answer."""
        if self._podman_py is None:
            from containers.adapters.podman_client import open_client  # noqa: PLC0415  (start-up time)

            self._podman_py = open_client(self._url, self._timeout_s)
        return self._podman_py

    def request(
        self,
        verb: Verb,
        path: str,
        params: Mapping[str, str | list[str]] | None,
        *,
        body: bytes | None,
        content_type: str,
        timeout_s: float,
    ) -> Answer:
        """Send one request, and read its answer whole."""
        if self._socket is not None:
            return self._socket.request(
                verb, path, params, body=body, content_type=content_type, timeout_s=timeout_s
            )
        headers = {"Content-Type": content_type} if body is not None else {}
        response = self.podman_py.request(
            verb, path, params=params, data=body, headers=headers, timeout=timeout_s
        )
        found = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status_code, response.content, found)

    def close(self) -> None:
        """Hang up."""
        if self._socket is not None:
            self._socket.close()
        if self._podman_py is not None:
            self._podman_py.close()


def path_of(*parts: str) -> str:
    """A path below `/libpod/`, with what is not safe in one quoted; image names keep their slashes."""
    return "/".join(quote(part, safe="/:@") for part in parts)


def document_in(answer: Answer, doing: str) -> Any:
    """The JSON document that an answer is.

    Raises:
        EngineError: it broke off, or is none.
    """
    try:
        return answer.json()
    except ValueError as error:
        raise _broken_off(doing) from error


def _broken_off(doing: str) -> EngineError:
    return EngineError(ErrorCode.ENGINE_ERROR, f"could not {doing}: Podman's answer is no whole document")


def refusals_in(answer: Answer, doing: str) -> None:
    """Raise what a removal's report says: Podman answers 200 and puts the error inside.

    Raises:
        EngineError: the report names an error.
    """
    if not answer.content:
        return
    for entry in document_in(answer, doing) or ():
        if problem := entry.get("Err"):
            text = problem if isinstance(problem, str) else str(problem.get("message", problem))
            raise from_text(text, doing)


@asynccontextmanager
async def together() -> AsyncIterator[asyncio.TaskGroup]:
    """A TaskGroup for calls to the engine: the first `EngineError` comes out bare, as callers expect it."""
    async with bare_errors(), asyncio.TaskGroup() as group:
        yield group
