"""Requests to a Podman socket on this machine, with no more than the standard library.

Nearly every call is short, and its answer is one JSON document. podman-py, which takes a tenth of a second to
load, is left to what needs it: streams, and engines elsewhere.
"""

import http.client
import json
import select
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from typing_extensions import override

API_VERSION = "4.0.0"
"""The shape of answers we ask for: every Podman from 4.0 on, 5 included, still gives it."""
UNIX = "unix://"
_BASE = f"/v{API_VERSION}/libpod"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whatever the status."""

    status_code: int
    content: bytes
    headers: Mapping[str, str]
    """By lower-case name."""

    def json(self) -> Any:
        """The document in it."""
        return json.loads(self.content)

    @property
    def explanation(self) -> str:
        """What Podman says about a failure."""
        try:
            document = self.json()
            return str(document["message"])
        except (ValueError, TypeError, KeyError):
            return self.content.decode(errors="replace") or f"HTTP status {self.status_code}"


class SocketClient:
    """A connection to a `unix://` socket, kept between requests; for one thread."""

    def __init__(self, url: str, timeout_s: float) -> None:
        """Connect when the first request is made."""
        self._connection = _UnixConnection(url.removeprefix(UNIX), timeout_s)

    def request(
        self,
        verb: str,
        path: str,
        params: Mapping[str, str | list[str]] | None = None,
        *,
        body: bytes | None = None,
        content_type: str = "application/json",
        timeout_s: float,
    ) -> Answer:
        """Send one request, and read its answer whole.

        Raises:
            OSError: nothing answers, or not in time.
        """
        query = f"?{urlencode(params, doseq=True)}" if params else ""
        connection = self._connection
        connection.prepare(timeout_s)
        try:
            headers = {"Content-Type": content_type} if body is not None else {}
            connection.request(verb.upper(), f"{_BASE}/{path}{query}", body, headers)
            response = connection.getresponse()
            content = response.read()
        except http.client.HTTPException as error:
            connection.close()
            raise ConnectionError("the answer is no HTTP, or ended in the middle") from error
        except BaseException:
            connection.close()
            raise
        answered = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, content, answered)

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def prepare(self, timeout_s: float) -> None:
        """Take a time limit, and hang up where the other end has: what is sent then would be lost."""
        self.timeout = timeout_s
        if self.sock is not None:
            self.sock.settimeout(timeout_s)
            if select.select([self.sock], [], [], 0)[0]:
                self.close()

    @override
    def connect(self) -> None:
        end = socket.socket(socket.AF_UNIX)
        try:
            end.settimeout(self.timeout)
            end.connect(self._path)
        except BaseException:
            end.close()
            raise
        self.sock = end
