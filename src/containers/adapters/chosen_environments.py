"""Which environment a person chose for a folder, kept outside it."""

import hashlib
import json
from pathlib import Path

from containers.adapters.private_files import make_private_folder, write_private


class ChosenEnvironments:
    """The port `EnvironmentChoices`: one small file a folder, in the state folder."""

    def __init__(self, state_dir: Path) -> None:
        self._folder = state_dir / "environments"

    def get(self, folder: Path) -> str | None:
        """The environment that was chosen; None where none was, or the note of it cannot be read."""
        try:
            noted = json.loads(self._file(folder).read_text())
        except (OSError, ValueError):
            return None
        name = noted.get("environment") if isinstance(noted, dict) else None
        return name if isinstance(name, str) else None

    def choose(self, folder: Path, name: str) -> None:
        """Note the choice; the last one counts."""
        make_private_folder(self._folder)
        note = {"folder": str(folder), "environment": name}
        write_private(self._file(folder), json.dumps(note).encode())

    def _file(self, folder: Path) -> Path:
        return self._folder / f"{hashlib.sha256(str(folder).encode()).hexdigest()[:16]}.json"
