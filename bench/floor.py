"""The floor: the same containers, created and started over plain REST, four at a time, and nothing else.

No file is read, nothing is compared, waited for or checked, and what depends on what is ignored.
"""

import http.client
import json
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from typing_extensions import override

from bench.engine import remove
from bench.tools import IMAGE, STAY, MeasureError

AT_ONCE = 4
_API = "/v4.0.0/libpod"
_FIRST_ERROR = 400


class Client(http.client.HTTPConnection):
    """One connection to a `unix://` socket."""

    def __init__(self, url: str) -> None:
        super().__init__("localhost", timeout=60)
        self._path = url.removeprefix("unix://")

    @override
    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self._path)

    def post(self, path: str, body: Any = None) -> Any:
        """The answer to one request."""
        content = None if body is None else json.dumps(body)
        self.request("POST", f"{_API}/{path}", content, {"Content-Type": "application/json"})
        response = self.getresponse()
        text = response.read()
        if response.status >= _FIRST_ERROR:
            raise MeasureError(text.decode(errors="replace"))
        return json.loads(text) if text else None


def measure_floor(url: str, services: int, project: str) -> float:
    """Seconds for creating and starting."""
    network = f"{project}_default"
    labels = {"com.docker.compose.project": project}
    try:
        Client(url).post("networks/create", {"name": network, "labels": labels})
        containers: dict[int, str] = {}

        def create(client: Client, number: int) -> None:
            body = {
                "name": f"{project}_s{number:02}_1",
                "image": IMAGE,
                "command": ["sh", "-c", STAY.replace("$$", "$")],
                "env": {"NUMBER": str(number)},
                "labels": labels,
                "netns": {"nsmode": "bridge"},
                "Networks": {network: {"aliases": [f"s{number:02}"]}},
            }
            containers[number] = client.post("containers/create", body)["Id"]

        def start(client: Client, number: int) -> None:
            client.post(f"containers/{containers[number]}/start")

        began = time.monotonic()
        _each(url, range(services), create)
        _each(url, range(services), start)
        return time.monotonic() - began
    finally:
        remove(project)


def _each(url: str, numbers: Iterable[int], work: Callable[[Client, int], None]) -> None:
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number in numbers:
        waiting.put(number)
    failures: list[MeasureError] = []

    def serve() -> None:
        client = Client(url)
        try:
            while not failures:
                work(client, waiting.get_nowait())
        except queue.Empty:
            return
        except MeasureError as error:
            failures.append(error)
        finally:
            client.close()

    threads = [threading.Thread(target=serve) for _ in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
