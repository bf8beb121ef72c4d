"""Posts events to URLs. Redirections are not followed: they could lead to a host that nobody allowed."""

import asyncio
import http.client
from typing import Final
from urllib.parse import urlsplit

_JSON: Final = {"Content-Type": "application/json", "User-Agent": "podkeeper"}


class HttpWebhooks:
    """The port `Webhooks`. No proxy is used."""

    async def post(self, url: str, body: str, timeout_s: float) -> int:
        """Post JSON; the answer's status."""
        async with asyncio.timeout(timeout_s):
            return await asyncio.to_thread(_post, url, body.encode(), timeout_s)


def _post(url: str, body: bytes, timeout_s: float) -> int:
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=timeout_s)
    path = parts.path or "/"
    try:
        connection.request("POST", f"{path}?{parts.query}" if parts.query else path, body, _JSON)
        return connection.getresponse().status
    except http.client.HTTPException as error:
        raise ConnectionError(f"the answer is no HTTP: {type(error).__name__}") from error
    finally:
        connection.close()
