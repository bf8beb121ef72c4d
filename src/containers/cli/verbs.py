"""Where each verb is, so that a command loads the one that it was called with and no other."""

from collections.abc import Iterator, Mapping, MutableMapping
from importlib import import_module
from types import MappingProxyType
from typing import Any, Final

import typer
from typer.core import TyperGroup
from typer.main import get_group
from typing_extensions import override

_BY_MODULE: Final[Mapping[str, tuple[str, ...]]] = {
    "stack": ("up", "create"),
    "lifecycle": ("start", "stop", "restart", "rm", "down"),
    "listing": ("ps", "status", "ls", "volumes", "stats"),
    "reading_logs": ("logs",),
    "containers": ("kill", "pause", "unpause", "exec", "attach", "cp", "top", "port", "wait"),
    "one_off": ("run",),
    "images": ("images", "pull", "build", "push"),
    "inspecting": ("plan", "validate", "doctor"),
    "health": ("health",),
    "history": ("history", "show", "diff", "rollback", "recover", "selftest", "report"),
    "drifting": ("drift", "reconcile"),
    "configuring": ("config", "explain"),
    "environments": ("env",),
    "events": ("events",),
    "keeping": ("monitor",),
    "supervising": ("hold", "release", "retry"),
    "watching": ("watch", "reload"),
    "serving": ("lsp",),
}
VERBS: Final[Mapping[str, str]] = MappingProxyType(
    {verb: module for module, verbs in _BY_MODULE.items() for verb in verbs}
)
"""The module of each verb, in the order in which the help lists them."""


def load(module: str) -> Mapping[str, Any]:
    """The commands that a module registers, by their names."""
    app = typer.Typer(rich_markup_mode=None)
    import_module(f"containers.cli.{module}").register(app)
    return get_group(app).commands


class _Commands(MutableMapping[str, Any]):
    """All verbs, each loaded when it is asked for."""

    def __init__(self) -> None:
        self._loaded: dict[str, Any] = {}

    @override
    def __getitem__(self, verb: str) -> Any:
        if verb not in self._loaded:
            self._loaded |= load(VERBS[verb])
        return self._loaded[verb]

    @override
    def __iter__(self) -> Iterator[str]:
        return iter(VERBS)

    @override
    def __len__(self) -> int:
        return len(VERBS)

    @override
    def __setitem__(self, verb: str, command: Any) -> None:
        self._loaded[verb] = command

    @override
    def __delitem__(self, verb: str) -> None:
        del self._loaded[verb]


class Verbs(TyperGroup):
    """The group of all verbs."""

    def __init__(self, **attributes: Any) -> None:
        """As typer makes a group, which gives it the commands that are registered: none."""
        super().__init__(**attributes)
        self.commands = _Commands()
