"""From what changed to what is done to each service."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from containers.model.base import ServiceName
from containers.model.project import Hook
from containers.watching.known import Difference
from containers.watching.rules import SyncRule


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What is to be done to one service."""

    sync: bool = False
    """Bring into its containers what they lack."""
    rebuild: bool = False
    restart: bool = False
    reload: bool = False
    hooks: tuple[Hook, ...] = ()
    """What to run in those of its containers that got files."""
    mounted_hooks: tuple[Hook, ...] = ()
    """What to run in all that run: what changed is mounted there."""
    catches_up: bool = False
    """Whether containers may be back that missed something, so that what follows a copy follows now."""
    began_at: float = 0.0
    """When the first of the changes came."""

    @property
    def action(self) -> str:
        """In the words of `develop.watch`."""
        if self.rebuild:
            return "rebuild"
        hooks = self.hooks or self.mounted_hooks
        words = ("restart", self.restart), ("exec", bool(hooks)), ("reload", self.reload)
        after = [word for word, wanted in words if wanted]
        return "+".join((["sync"] if self.sync else []) + after) or "sync"

    def joined(self, other: "Work") -> "Work":
        """Both at once."""
        return Work(
            sync=self.sync or other.sync,
            rebuild=self.rebuild or other.rebuild,
            restart=self.restart or other.restart,
            reload=self.reload or other.reload,
            hooks=_both(self.hooks, other.hooks),
            mounted_hooks=_both(self.mounted_hooks, other.mounted_hooks),
            catches_up=self.catches_up or other.catches_up,
            began_at=min(self.began_at, other.began_at),
        )


def _both(hooks: tuple[Hook, ...], more: tuple[Hook, ...]) -> tuple[Hook, ...]:
    return (*hooks, *(hook for hook in more if hook not in hooks))


def caught_up(rules: Iterable[SyncRule], began_at: float) -> Work:
    """What follows when containers got what they had missed, by the rules that it is about."""
    work = Work(sync=True, began_at=began_at)
    for rule in rules:
        work = work.joined(_part(rule, began_at, is_copied=True, is_mounted=False))
    return work


@dataclass(frozen=True, slots=True)
class Batch:
    """What a batch of changes means."""

    work: dict[ServiceName, Work]
    changed: tuple[tuple[SyncRule, Path], ...]
    """What the containers lack now."""


def work_of(
    rules: Iterable[SyncRule], difference: Difference, reloads: Iterable[ServiceName], began_at: float
) -> Batch:
    """What to do about changed paths.

    Args:
        rules: of all services.
        difference: what changed.
        reloads: services that read something else that changed.
        began_at: when the first change came.
    """
    paths = (*(entry.path for entry in difference.present), *difference.vanished)
    work: dict[ServiceName, Work] = {}
    changed: list[tuple[SyncRule, Path]] = []
    for rule in rules:
        mine = [path for path in paths if rule.counts(path)]
        if not mine:
            continue
        copied = [path for path in mine if rule.copies_path(path)]
        changed += [(rule, path) for path in copied]
        part = _part(rule, began_at, is_copied=bool(copied), is_mounted=len(copied) < len(mine))
        work[rule.service] = work[rule.service].joined(part) if rule.service in work else part
    for service in reloads:
        part = Work(reload=True, began_at=began_at)
        work[service] = replace(work[service], reload=True) if service in work else part
    return Batch(work, tuple(changed))


def _part(rule: SyncRule, began_at: float, *, is_copied: bool, is_mounted: bool) -> Work:
    """What one rule asks for, of paths that are copied or that are mounted already, or both."""
    action = rule.rule.action
    hooks = (rule.rule.exec,) if action == "sync+exec" and rule.rule.exec else ()
    return Work(
        sync=is_copied,
        rebuild=action == "rebuild",
        restart=action in {"restart", "sync+restart"},
        hooks=hooks if is_copied else (),
        mounted_hooks=hooks if is_mounted else (),
        began_at=began_at,
    )
