"""What a machine has left: asked of this one, and of files such as the kernel writes."""

import os
import socket
from pathlib import Path

import pytest

from containers.adapters.host_facts import LocalHost
from containers.adapters.podman_port_holder import listeners
from containers.model.observed import PublishedPort


def wanted(port: int, host_ip: str = "127.0.0.1", protocol: str = "tcp") -> PublishedPort:
    """A port to publish."""
    return PublishedPort(host_ip=host_ip, host_port=port, container_port=80, protocol=protocol)


@pytest.mark.parametrize("host_ip", ["127.0.0.1", ""])
def test_a_port_that_is_listened_on_has_a_holder(host_ip: str) -> None:
    """On its address and on all; another address is free."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        found = LocalHost().holders([wanted(port, host_ip), wanted(port, "127.0.0.2")])
    assert list(found) == [wanted(port, host_ip)]
    assert str(os.getpid()) in found[wanted(port, host_ip)]


def test_a_bound_port_of_udp_has_a_holder_and_leaves_that_of_tcp_free() -> None:
    """Protocols do not exclude each other."""
    with socket.socket(type=socket.SOCK_DGRAM) as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        found = LocalHost().holders([wanted(port, protocol="udp"), wanted(port)])
    assert list(found) == [wanted(port, protocol="udp")]


def test_a_listener_on_ipv6_alone_leaves_the_port_of_ipv4_free() -> None:
    """Which its row in the kernel's table does not say."""
    with socket.socket(socket.AF_INET6) as listener:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(("::", 0))
        listener.listen()
        port = listener.getsockname()[1]
        found = LocalHost().holders([wanted(port, ""), wanted(port, "::1")])
    assert list(found) == [wanted(port, "::1")]


def test_addresses_are_read_as_the_kernel_writes_them(tmp_path: Path) -> None:
    """In words of the machine's byte order; an address of IPv4 within IPv6 is that of IPv4."""
    (tmp_path / "net").mkdir()
    head = (
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
    )
    rows = (
        "0: 0100007F:1F90 00000000:0000 0A 0:0 00:0 0 0 0 11",
        "1: 00000000:0050 00000000:0000 0A 0:0 00:0 0 0 0 12",
        "2: 0100007F:1F91 00000000:0000 01 0:0 00:0 0 0 0 13",
    )
    (tmp_path / "net/tcp").write_text(head + "\n".join(rows) + "\n")
    six = (
        "0: 00000000000000000000000001000000:0051 0:0 0A 0:0 00:0 0 0 0 21",
        "1: 0000000000000000FFFF00000100007F:0052 0:0 0A 0:0 00:0 0 0 0 22",
    )
    (tmp_path / "net/tcp6").write_text(head + "\n".join(six) + "\n")
    assert [(s.host_ip, s.port, s.inode) for s in listeners(tmp_path)] == [
        ("127.0.0.1", 8080, "11"),
        ("", 80, "12"),
        ("::1", 81, "21"),
        ("127.0.0.1", 82, "22"),
    ]


def test_only_networks_without_a_gateway_are_this_machines(tmp_path: Path) -> None:
    """The default route and those through a gateway give way to more special ones."""
    (tmp_path / "net").mkdir()
    (tmp_path / "net/route").write_text(
        "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
        "eth0\t00000000\t0100000A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
        "eth0\t0001000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
        "eth0\t0000A8C0\t0100000A\t0003\t0\t0\t0\t0000FFFF\t0\t0\t0\n"
    )
    assert LocalHost(tmp_path).subnets() == {"10.0.1.0/24": "eth0"}
    assert LocalHost(tmp_path / "none").subnets() == {}


def test_a_user_reads_what_the_mode_bits_allow(tmp_path: Path) -> None:
    """Root everything; somebody else only what all folders above let them reach."""
    host, nobody = LocalHost(), 65534
    file = tmp_path / "file"
    file.write_text("")
    file.chmod(0o600)
    assert host.is_readable(file, 0)
    assert host.is_readable(file, os.geteuid())
    assert not host.is_readable(file, nobody)
    assert host.is_readable(Path("/etc/passwd"), nobody)
    assert host.is_readable(file, 4_000_000), "nothing is known of that user"


def test_space_is_that_of_the_nearest_folder_that_exists(tmp_path: Path) -> None:
    """The folder itself may be made later."""
    host = LocalHost()
    assert (host.free_bytes(tmp_path / "a/b") or 0) > 0
    assert host.exists(tmp_path)
    assert not host.exists(tmp_path / "a")
