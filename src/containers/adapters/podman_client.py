"""podman-py's client, as we use it.

Loading podman-py takes a tenth of a second, so this is loaded in the thread that calls, when it first does.
"""

from typing import Any

from podman.api.client import APIClient
from podman.api.uds import UDSAdapter, UDSConnection, UDSConnectionPool, UDSPoolManager, UDSSocket
from typing_extensions import override

from containers.adapters.podman_http import API_VERSION


class _Connection(UDSConnection):
    """podman-py leaves a socket open when connecting it fails; while an engine is away that adds up."""

    @override
    def connect(self) -> None:
        sock = UDSSocket(self.uds)
        try:
            sock.settimeout(self.timeout)
            sock.connect()  # type: ignore[no-untyped-call]
        except BaseException:
            sock.close()
            raise
        self.sock = sock


class _ConnectionPool(UDSConnectionPool):
    ConnectionCls = _Connection


class _PoolManager(UDSPoolManager):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[no-untyped-call]
        self.pool_classes_by_scheme = {"http": _ConnectionPool}


class _Adapter(UDSAdapter):
    @override
    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **kwargs: Any) -> None:
        options = {**kwargs, **self._pool_kwargs}
        self.poolmanager = _PoolManager(num_pools=connections, maxsize=maxsize, block=block, **options)


def open_client(url: str, timeout_s: float) -> APIClient:
    """A client for `url`; it opens its connections when they are needed.

    Raises:
        ValueError: this is no address that podman-py understands.
    """
    client = APIClient(base_url=url, version=API_VERSION, timeout=timeout_s)
    if client.base_url.scheme == "http+unix":
        client.mount("http://", _Adapter(client.base_url.geturl(), timeout=timeout_s))
    return client
