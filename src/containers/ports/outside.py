"""What is done outside: commands, web requests, probes, units of the system."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from containers.model.health import ProbeResult
from containers.model.observed import CommandResult
from containers.model.own_config import OutsideProbe


class CommandRunner(Protocol):
    """Programs that a hook runs."""

    @property
    def podkeeper(self) -> Sequence[str]:
        """How this very program is called; its options and verb follow."""
        ...

    async def run(self, argv: Sequence[str], *, folder: Path, stdin: str, timeout_s: float) -> CommandResult:
        """Run it to its end, which is that of all it started; never raises for what the program does.

        One that takes longer than `timeout_s` is asked to end, and killed where it does not within a few
        seconds, with exit code -1; one that can not be started has 127. Of both streams the first 16 KiB are
        kept.
        """
        ...


class Webhooks(Protocol):
    """URLs that events are posted to."""

    async def post(self, url: str, body: str, timeout_s: float) -> int:
        """Post a JSON document; the answer's status.

        Raises:
            OSError: nothing answers, or not in time.
        """
        ...


class OutsideProber(Protocol):
    """Checks a service from outside."""

    async def probe(self, host: str, port: int, probe: OutsideProbe) -> ProbeResult:
        """Try once, within the probe's timeout; what went wrong is in the result, never raised.

        Its `exit_code` is 0 where the service answered as it should, else 1; its `state` is `healthy` or
        `unhealthy` of this one try.
        """
        ...


class BackgroundUnits(Protocol):
    """Programs that the machine's service manager keeps running for this user."""

    async def install(self, name: str, description: str, argv: Sequence[str], folder: Path) -> str:
        """Have `argv` run in `folder` from now on, also after a reboot; where that is written down.

        Raises:
            PodkeeperError: `unsupported`: there is no service manager for this user.
        """
        ...

    async def uninstall(self, name: str) -> bool:
        """End it and forget it; False when there was none.

        Raises:
            PodkeeperError: `unsupported`: there is no service manager for this user.
        """
        ...
