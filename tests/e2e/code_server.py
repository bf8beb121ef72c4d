"""A real VS Code: code-server on a free loopback port, with settings and extensions of its own."""

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlencode

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 10.0
SETTINGS: Mapping[str, Any] = {
    "breadcrumbs.enabled": False,
    "chat.commandCenter.enabled": False,
    "chat.disableAIFeatures": True,
    "editor.minimap.enabled": False,
    "files.autoSave": "off",
    "git.enabled": False,
    "security.workspace.trust.enabled": False,
    "telemetry.telemetryLevel": "off",
    "terminal.integrated.gpuAcceleration": "off",  # its text is in the page then
    "window.autoDetectColorScheme": True,
    "window.commandCenter": False,
    "workbench.enableExperiments": False,
    "workbench.layoutControl.enabled": False,
    "workbench.secondarySideBar.defaultVisibility": "hidden",
    "workbench.startupEditor": "none",
    "workbench.tips.enabled": False,
    "workbench.welcomePage.walkthroughs.openOnInstall": False,
}


@dataclass(frozen=True)
class CodeServer:
    """One that runs."""

    url: str
    pid: int

    def address_of(self, folder: Path) -> str:
        """Where a browser finds a folder opened."""
        return f"{self.url}/?{urlencode({'folder': str(folder)})}"


def installation() -> Path:
    """The folder that `./dev setup` installed code-server into."""
    if given := os.environ.get("PODKEEPER_TEST_CODE_SERVER"):
        return Path(given)
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("PODKEEPER_CACHE") or Path(caches) / "podkeeper") / "code-server"


def program() -> list[str]:
    """The command line of code-server, run by the Node.js that it was compiled for."""
    home = installation()
    entry = home / "node_modules/code-server/out/node/entry.js"
    nodes = [*home.glob("node/node_modules/node/node_modules/node-*/bin/node")]
    nodes += [*home.glob("node/node_modules/node-linux-*/bin/node")]
    assert entry.exists(), f"there is no code-server in {home}: run `./dev setup`"
    assert nodes, f"there is no Node.js in {home}/node: run `./dev setup`"
    return [str(nodes[0]), str(entry)]


def install(vsix: Path, extensions: Path, home: Path) -> None:
    """Install an extension into a folder of extensions."""
    done = subprocess.run(
        [*program(), *_folders(extensions, home), "--install-extension", str(vsix)],
        env=environment(home),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"installing {vsix.name}: {done.stdout}{done.stderr}"


def environment(home: Path, **more: str) -> dict[str, str]:
    """The machine's environment without its own Podkeeper, Compose and VS Code settings."""
    own = ("COMPOSE_", "PODKEEPER_", "VSCODE_", "XDG_CONFIG", "XDG_DATA")
    environ = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    environ |= {"XDG_CONFIG_HOME": str(home / "config"), "XDG_DATA_HOME": str(home / "share")}
    environ["PODKEEPER_STATE_DIR"] = str(home / "state")
    return environ | more


@contextmanager
def serve(
    home: Path, extensions: Path, environ: Mapping[str, str], settings: Mapping[str, Any]
) -> Iterator[CodeServer]:
    """Run code-server until the end of the block; nothing that it started outlives it."""
    # of a person's settings a remote VS Code forgets those of the machine as soon as it reads them again,
    # which any extension that starts later can bring about: they belong to the machine's
    machine = {name: value for name, value in settings.items() if name.startswith("podkeeper.")}
    for place, content in (("User", {**SETTINGS, **settings}), ("Machine", machine)):
        folder = home / "data" / place
        folder.mkdir(parents=True)
        (folder / "settings.json").write_text(json.dumps(content))
    log = home / "code-server.log"
    with log.open("wb") as file:
        process = _start([*program(), *_folders(extensions, home)], environ, file)
        try:
            yield CodeServer(_listening(process, log), process.pid)
        finally:
            _stop(process)


def _folders(extensions: Path, home: Path) -> list[str]:
    return [
        f"--config={home / 'config.yaml'}",
        f"--user-data-dir={home / 'data'}",
        f"--extensions-dir={extensions}",
    ]


def _start(command: list[str], environ: Mapping[str, str], log: BinaryIO) -> "subprocess.Popen[bytes]":
    flags = ["--auth=none", "--disable-telemetry", "--disable-update-check", "--reconnection-grace-time=5"]
    return subprocess.Popen(
        [*command, *flags, "--bind-addr=127.0.0.1:0"],
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def _listening(process: "subprocess.Popen[bytes]", log: Path) -> str:
    """The address at which it listens: on a port that it found free, and says in its log."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        text = log.read_text()
        if said := re.search(r"HTTP server listening on (http://[0-9.:]+)", text):
            return said.group(1)
        assert process.poll() is None, f"code-server ended:\n{text}"
        time.sleep(0.05)
    raise AssertionError(f"code-server does not listen:\n{log.read_text()}")


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """End the whole group: code-server, its extension hosts, and the servers that they started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    deadline = time.monotonic() + STOP_TIMEOUT_S
    while members(process.pid):
        if time.monotonic() > deadline:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        time.sleep(0.05)


def podkeepers(session: int) -> list[int]:
    """The living language servers of a session."""
    return [pid for pid in members(session) if b"lsp" in _arguments(pid)]


def _arguments(pid: int) -> list[bytes]:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    return []


def members(session: int) -> list[int]:
    """The living processes of a session."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = stat.read_text().rsplit(")", 1)[1].split()
            if int(fields[3]) == session and fields[0] != "Z":
                found.append(int(stat.parent.name))
    return found
