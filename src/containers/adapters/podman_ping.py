"""Asking which Podman answers at an address."""

from containers.adapters.podman_http import UNIX, SocketClient

_VERSION_HEADER = "libpod-api-version"
_OK = 200


def ping(url: str, timeout_s: float) -> str:
    """The version of the Podman at `url`; empty where something else answers.

    Raises:
        OSError: nothing answers.
        ValueError: this is no address.
    """
    if not url.startswith(UNIX):
        return _ping_elsewhere(url, timeout_s)
    client = SocketClient(url, timeout_s)
    try:
        answer = client.request("get", "_ping", timeout_s=timeout_s)
    finally:
        client.close()
    return answer.headers.get(_VERSION_HEADER, "") if answer.status_code == _OK else ""


def _ping_elsewhere(url: str, timeout_s: float) -> str:
    from containers.adapters.podman_client import open_client  # noqa: PLC0415  (start-up time)

    with open_client(url, timeout_s) as client:
        response = client.get("_ping")
        response.raise_for_status()
        return str(response.headers.get(_VERSION_HEADER, ""))
