"""What podman-compose made of a document, kept so that it need not be asked twice."""

import contextlib
import json
from pathlib import Path

from containers.adapters.podman_compose_program import Recorded
from containers.adapters.private_files import make_private_folder, write_private

_KEPT = 64


class TranslationCache:
    """Recordings by key, in memory and in files; they hold placeholders, never values.

    Args:
        folder: ours alone.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._memory: dict[str, Recorded] = {}

    def get(self, key: str) -> Recorded | None:
        """The recording, if there is one that can be read."""
        if key not in self._memory:
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                stored = json.loads((self._folder / f"{key}.json").read_bytes())
                calls = tuple(tuple(str(argument) for argument in call) for call in stored["calls"])
                self._remember(key, Recorded(calls, tuple(str(line) for line in stored["warnings"])))
        return self._memory.get(key)

    def put(self, key: str, recorded: Recorded) -> None:
        """Keep a recording. A cache that can not be written is no error: the next run costs more."""
        self._remember(key, recorded)
        with contextlib.suppress(OSError):
            make_private_folder(self._folder)
            content = json.dumps({"calls": recorded.calls, "warnings": recorded.warnings})
            write_private(self._folder / f"{key}.json", content.encode())
            files = sorted(self._folder.glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
            for old in files[:-_KEPT]:
                old.unlink(missing_ok=True)

    def _remember(self, key: str, recorded: Recorded) -> None:
        self._memory[key] = recorded
        if len(self._memory) > _KEPT:
            del self._memory[next(iter(self._memory))]
