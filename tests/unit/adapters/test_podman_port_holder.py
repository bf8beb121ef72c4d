"""Who listens on a port, read from a proc file system."""

import os
import socket
from pathlib import Path

from containers.adapters.podman_errors import PortConflict
from containers.adapters.podman_port_holder import process_on_port


def test_the_process_that_listens_is_named() -> None:
    """Here it is this one."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        name = Path("/proc/self/comm").read_text().strip()
        assert process_on_port(PortConflict("127.0.0.1", port, "tcp")) == f"process {name} ({os.getpid()})"


def test_a_port_that_nobody_has_is_nobodys() -> None:
    """It may have been let go meanwhile."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    assert process_on_port(PortConflict("", port, "tcp")) == ""


def test_what_can_not_be_read_is_left_out(tmp_path: Path) -> None:
    """Other users' processes, or no proc file system at all."""
    assert process_on_port(PortConflict("", 80, "tcp"), proc=tmp_path) == ""
