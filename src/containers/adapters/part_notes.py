"""What does not work in which process of ours, for whoever asks from another one."""

import json
import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from containers.adapters.private_files import make_private_folder, write_private
from containers.adapters.process_status import lives

log = logging.getLogger(__name__)


class PartFiles:
    """The port `PartNotes`: a small file a process that has something to say, in the state folder."""

    def __init__(self, state_dir: Path) -> None:
        self._folder = state_dir / "parts"
        self._own = self._folder / f"{os.getpid()}.json"

    def write(self, failed: Mapping[str, str]) -> None:
        """Note what does not work in this process; nothing takes the note away."""
        try:
            if failed:
                make_private_folder(self._folder)
                write_private(self._own, json.dumps(dict(failed)).encode())
            else:
                self._own.unlink(missing_ok=True)
        except OSError as error:  # a full disk is no reason to stop what does work
            log.warning("what does not work could not be noted: %s", error)

    def read(self) -> Mapping[int, Mapping[str, str]]:
        """The notes of every process that lives; those of others are removed."""
        found: dict[int, Mapping[str, str]] = {}
        for path in self._folder.glob("*.json"):
            if not path.stem.isdigit() or not lives(int(path.stem)):
                with suppress(OSError):
                    path.unlink()
                continue
            with suppress(OSError, ValueError):
                noted = json.loads(path.read_text())
                if isinstance(noted, dict):
                    found[int(path.stem)] = {str(part): str(reason) for part, reason in noted.items()}
        return found
