"""Units of the user's systemd: what it keeps running while the machine is up."""

import asyncio
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from containers.adapters.private_files import state_errors
from containers.model.errors import ErrorCode, PodkeeperError

_CALL_S = 20.0
_UNIT = """\
[Unit]
Description={description}
After=podman.socket
StartLimitIntervalSec=0

[Service]
ExecStart={command}
WorkingDirectory={folder}
{environment}Restart=always
RestartSec=5

[Install]
WantedBy=default.target
"""
_KEPT = ("CONTAINER_HOST", "PATH", "PODKEEPER_PODMAN", "PODKEEPER_STATE_DIR", "PODKEEPER_ENV")
"""Variables that say which engine and state are meant; no other reaches the unit, which is a plain file."""


class SystemdUserUnits:
    """The port `BackgroundUnits`, by `systemctl --user`.

    Args:
        environ: of this process.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = dict(environ)
        home = Path(environ.get("HOME") or Path.home())
        self._folder = Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "systemd/user"

    async def install(self, name: str, description: str, argv: Sequence[str], folder: Path) -> str:
        """Write the unit, enable it and start it; where it is written."""
        await self._require_systemd()
        path = self._folder / f"{name}.service"
        text = _UNIT.format(
            description=_plain(description),
            command=" ".join(_quoted(word) for word in argv),
            folder=_plain(str(folder)),
            environment="".join(
                f"Environment={_quoted(f'{key}={self._environ[key]}')}\n"
                for key in _KEPT
                if key in self._environ
            ),
        )
        with state_errors():
            await asyncio.to_thread(_write, path, text)
        await self._systemctl("daemon-reload")
        await self._systemctl("enable", path.name)
        await self._systemctl("restart", path.name)
        return str(path)

    async def uninstall(self, name: str) -> bool:
        """Stop it, disable it and remove its file."""
        await self._require_systemd()
        path = self._folder / f"{name}.service"
        if not path.exists():
            return False
        await self._systemctl("disable", "--now", path.name)
        with state_errors():
            path.unlink(missing_ok=True)
        await self._systemctl("daemon-reload")
        return True

    async def _require_systemd(self) -> None:
        if shutil.which("systemctl", path=self._environ.get("PATH")) is None:
            raise _unsupported("there is no systemd on this machine")
        code, said = await self._run("show-environment")
        if code:
            raise _unsupported(f"systemd does not run for this user: {said}")

    async def _systemctl(self, *arguments: str) -> None:
        code, said = await self._run(*arguments)
        if code:
            message = f"`systemctl --user {' '.join(arguments)}` failed: {said}"
            raise PodkeeperError(ErrorCode.UNSUPPORTED, message, remedy="`journalctl --user -e` tells more.")

    async def _run(self, *arguments: str) -> tuple[int, str]:
        process = await asyncio.create_subprocess_exec(
            "systemctl",
            "--user",
            *arguments,
            env=self._environ,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            async with asyncio.timeout(_CALL_S):
                output, _ = await process.communicate()
        except TimeoutError:
            process.kill()
            await process.wait()
            return 1, f"no answer within {_CALL_S:g} seconds"
        return process.returncode or 0, output.decode(errors="replace").strip()


def _unsupported(why: str) -> PodkeeperError:
    return PodkeeperError(
        ErrorCode.UNSUPPORTED,
        f"the monitor can not be installed: {why}",
        remedy="Run `podkeeper monitor` in a terminal, or have your own service manager run it.",
    )


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _plain(text: str) -> str:
    """As systemd reads a value that it does not split: `%` begins a specifier."""
    return text.replace("%", "%%").replace("\n", " ")


def _quoted(word: str) -> str:
    """One word of a command line as systemd reads it."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"'
