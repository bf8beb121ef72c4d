"""A process that ends itself, by SIGKILL, at one chosen instant between two effects.

The journal, the revision store and the engine are wrapped: each call that changes something has an instant
before it, one amid it (a few milliseconds after it was sent), and one after it. Instants are counted over all
three; the chosen one is the last.
"""

import asyncio
import inspect
import os
import signal
from typing import Any, cast

from containers.app import Application
from containers.ports.engine import ContainerEngine
from containers.ports.stores import Journal

_AMID_S = 0.008
"""After which most calls are with Podman, and few have ended."""
_ENGINE = frozenset(
    {"create_network", "create_volume", "create_container", "start_container", "stop_container"}
    | {"restart_container", "kill_container", "rename_container", "remove_container", "remove_network"}
    | {"remove_volume", "pull_image", "build_image", "run_health_check"}
)
_JOURNAL = frozenset({"begin", "step_begun", "step_ended", "enter", "conclude"})
_REVISIONS = frozenset({"stage", "keep", "drop_staged"})


class Doom:
    """Counts instants, and ends the process at the chosen one (None: never)."""

    def __init__(self, chosen: int | None, words: int) -> None:
        """Write where it ended to the descriptor `words`."""
        self.passed = 0
        self._chosen = chosen
        self._words = words

    def instant(self, where: str) -> None:
        """Pass an instant, or end here."""
        if self._is_chosen():
            self._end(where)

    def soon(self, where: str) -> None:
        """Pass an instant, or end shortly after."""
        if self._is_chosen():
            asyncio.get_running_loop().call_later(_AMID_S, self._end, where)

    def _is_chosen(self) -> bool:
        self.passed += 1
        return self.passed - 1 == self._chosen

    def _end(self, where: str) -> None:
        os.write(self._words, where.encode())
        os.kill(os.getpid(), signal.SIGKILL)


class Doomed:
    """Stands in for a port, and tells a `Doom` of the calls that are named."""

    def __init__(self, real: Any, methods: frozenset[str], doom: Doom) -> None:
        self._real = real
        self._methods = methods
        self._doom = doom

    def __getattr__(self, name: str) -> Any:
        """The real thing's attribute, with its instants where it is one of the methods."""
        found = getattr(self._real, name)
        if name not in self._methods:
            return found
        return self._later(found, name) if inspect.iscoroutinefunction(found) else self._now(found, name)

    def _later(self, call: Any, name: str) -> Any:
        async def doomed(*args: Any, **kwargs: Any) -> Any:
            where = f"{name} {args[0] if args and isinstance(args[0], str) else ''}".strip()
            self._doom.instant(f"before {where}")
            self._doom.soon(f"amid {where}")
            answer = await call(*args, **kwargs)
            self._doom.instant(f"after {where}")
            return answer

        return doomed

    def _now(self, call: Any, name: str) -> Any:
        def doomed(*args: Any, **kwargs: Any) -> Any:
            self._doom.instant(f"before {name}")
            answer = call(*args, **kwargs)
            self._doom.instant(f"after {name}")
            return answer

        return doomed


async def bring_doom(app: Application, doom: Doom) -> None:
    """Wrap what an application changes the world with; before its first manager is made."""
    app._engine = cast("ContainerEngine", Doomed(await app.engine(), _ENGINE, doom))
    app._journal = cast("Journal", Doomed(app.journal, _JOURNAL, doom))
    app.revisions = cast("Any", Doomed(app.revisions, _REVISIONS, doom))
