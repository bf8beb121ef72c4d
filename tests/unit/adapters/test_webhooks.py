"""Posting events to a URL on this machine."""

import http.server
import threading
from collections.abc import Iterator

import pytest
from typing_extensions import override

from containers.adapters.webhooks import HttpWebhooks


class _Server(http.server.ThreadingHTTPServer):
    posts: list[tuple[str, str | None, bytes]]


class _Handler(http.server.BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        """Keep what came; `/moved` leads away."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.posts.append((self.path, self.headers["Content-Type"], body))
        self.send_response(302 if self.path == "/moved" else 204)
        self.send_header("Location", "/elsewhere")
        self.end_headers()

    @override
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[_Server]:
    """One on a free port."""
    running = _Server(("127.0.0.1", 0), _Handler)
    running.posts = []
    thread = threading.Thread(target=running.serve_forever, args=(0.05,))
    thread.start()
    yield running
    running.shutdown()
    thread.join()
    running.server_close()


async def test_the_event_is_posted_as_json(server: _Server) -> None:
    """To the path and query that are named."""
    url = f"http://127.0.0.1:{server.server_port}/hook?of=web"
    assert await HttpWebhooks().post(url, '{"a": 1}', 5) == 204
    assert server.posts == [("/hook?of=web", "application/json", b'{"a": 1}')]


async def test_a_redirection_is_not_followed(server: _Server) -> None:
    """It could lead to a host that nobody allowed."""
    url = f"http://127.0.0.1:{server.server_port}/moved"
    assert await HttpWebhooks().post(url, "{}", 5) == 302
    assert [path for path, _, _ in server.posts] == ["/moved"]


async def test_nobody_there_is_an_error(server: _Server) -> None:
    """The runner tells it as the hook's failure."""
    port = server.server_port
    server.shutdown()
    server.server_close()
    with pytest.raises(OSError, match="refused"):
        await HttpWebhooks().post(f"http://127.0.0.1:{port}/", "{}", 2)
