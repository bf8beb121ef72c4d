"""A Podman that shares nothing with the machine's: what others need may die in it.

It is in name spaces of its own (mounts, network, processes), as root, with storage of its own; when its first
process ends, all of it does.
"""

import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.podman import bed

NAMES = "/run/containers/networks/aardvark-dns"
_PATIENCE_S = 60.0
_SPACES = ("--mount", "--propagation=private", "--net", "--pid", "--fork", "--kill-child", "--mount-proc")
_STORAGE = '[storage]\ndriver = "vfs"\ngraphroot = "{0}/graph"\nrunroot = "{0}/run"\n'
_SETTINGS = """
[engine]
tmp_dir = "{0}/tmp"
volume_path = "{0}/volumes"
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_config_dir = "{0}/networks"
"""
_PLACES = ("containers", "netns", "runc", "crun")
"""Below /run, where Podman and its runtimes keep what would be left behind."""
_SERVE = f"""
for place in {" ".join(_PLACES)}; do mount -t tmpfs none /run/$place || exit 1; done
ip link set lo up || exit 1
podman system service --time=0 "$0" &
exec sleep infinity
"""
"""As in a container without an init, nobody takes note of the end of orphans."""


class OwnPodman:
    """Started from the beginning; `url` is its service."""

    def __init__(self, folder: Path) -> None:
        """Keep everything in `folder`, whose path is short enough for a socket."""
        self.url = f"unix://{folder / 's'}"
        (folder / "storage.conf").write_text(_STORAGE.format(folder))
        (folder / "containers.conf").write_text(_SETTINGS.format(folder))
        self.environ = {
            **bed.serving_environ(),
            "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"),
            "CONTAINERS_CONF": str(folder / "containers.conf"),
        }
        for place in _PLACES:
            Path("/run", place).mkdir(exist_ok=True)
        self._process = subprocess.Popen(
            ["unshare", *_SPACES, "sh", "-c", _SERVE, self.url], env=self.environ
        )

    def take_image(self, url: str) -> None:
        """Once it answers, have the test image of another Podman."""
        deadline = time.monotonic() + _PATIENCE_S
        while not bed.answers(Path(self.url.removeprefix("unix://"))):
            assert self._process.poll() is None, "the service did not start"
            assert time.monotonic() < deadline, "the service does not answer"
            time.sleep(bed.LOOK_S)
        archive = subprocess.run(
            ["podman", "--remote", "--url", url, "save", bed.IMAGE], capture_output=True, check=True
        )
        bed.podman(self.url, "load", stdin=archive.stdout)

    def _enter(self) -> list[str]:
        spaces = Path(f"/proc/{self._process.pid}/ns")
        return [
            "nsenter",
            f"--mount={spaces / 'mnt'}",
            f"--net={spaces / 'net'}",
            f"--pid={spaces / 'pid_for_children'}",
        ]

    def start_podkeeper(self, folder: Path, *arguments: str) -> subprocess.Popen[str]:
        """Run `podkeeper` in a folder, beside the test, in the same name spaces."""
        state = {"PODKEEPER_STATE_DIR": str(folder / "state"), "CONTAINER_HOST": self.url}
        return subprocess.Popen(
            [*self._enter(), f"--wd={folder}", sys.executable, "-m", "containers", *arguments],
            env={**self.environ, **state},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def kill_name_server(self) -> None:
        """As it ends itself when it reads a file that is half written."""
        script = f'kill -9 "$(cat {NAMES}/aardvark.pid)"'
        subprocess.run([*self._enter(), "sh", "-c", script], check=True)

    def end(self) -> None:
        """End every process of it."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
