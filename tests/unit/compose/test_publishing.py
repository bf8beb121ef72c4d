"""Published ports in Podman's words."""

from typing import Any

import pytest

from containers.compose.publishing import numbered_ports
from containers.model.base import ServiceName
from containers.model.errors import ErrorCode, TranslationError

APP = ServiceName("app")


def ranged(**more: Any) -> dict[str, Any]:
    """A service with a port of a range, and one of its own."""
    return {"ports": [{"target": 80, "published": "8000-8001", **more}, {"target": 90, "published": "9000"}]}


def test_each_replica_has_its_own_port_of_a_range() -> None:
    """Counted from the first, so a replica that is made anew keeps its port."""
    assert numbered_ports(ranged(), APP, 2) == (("-p", "8000:80"), ("-p", "8001:80"))
    assert numbered_ports(ranged(), APP, 1) == (("-p", "8000:80"),)
    local = ranged(host_ip="127.0.0.1", protocol="udp")
    assert numbered_ports(local, APP, 1) == (("-p", "127.0.0.1:8000:80/udp"),)


def test_without_ranges_replicas_have_no_options_of_their_own() -> None:
    """A range of one port is none."""
    assert numbered_ports({"ports": [{"target": 80, "published": "8000-8000"}]}, APP, 3) == ()
    assert numbered_ports({}, APP, 3) == ()


def test_more_replicas_than_ports_is_a_conflict() -> None:
    """Said before anything is created."""
    with pytest.raises(TranslationError, match="3 replicas can not share the ports 8000-8001") as caught:
        numbered_ports(ranged(), APP, 3)
    assert (caught.value.code, caught.value.service) == (ErrorCode.CONFLICT, "app")
