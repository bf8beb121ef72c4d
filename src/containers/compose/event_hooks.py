"""Hooks: from what is written to what they mean, and what is wrong with them."""

import shlex
from collections.abc import Callable, Collection, Iterable, Mapping
from difflib import get_close_matches
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final, get_args
from urllib.parse import urlsplit

from containers.compose.checking import check_shape
from containers.compose.measures import NANOSECONDS, duration_ns
from containers.compose.merging import settle
from containers.compose.nodes import Map, Origin
from containers.compose.reading import read_documents
from containers.compose.reporting import Report
from containers.compose.schema_hooks import ProjectFile
from containers.compose.sources import Sources
from containers.model.base import ServiceName
from containers.model.errors import ErrorCode
from containers.model.events import Event, EventBase, covers
from containers.model.hooks import (
    CallWebhook,
    EventHook,
    HookAction,
    Notify,
    RestartService,
    RunCommand,
    RunVerb,
)
from containers.ports.files import Files

FILE_NAMES: Final = ("podkeeper.yaml", "podkeeper.yml")
ACTIONS: Final = ("run", "verb", "restart", "notify", "webhook")
ENDLESS_VERBS: Final = frozenset({"events", "lsp", "monitor", "watch"})
"""They go on until they are interrupted, so no hook can be done with them."""
VERBS: Final = frozenset(
    {"attach", "build", "config", "cp", "create", "diff", "doctor", "down", "drift", "env"}
    | {"exec", "explain", "health", "history", "hold", "images", "kill", "logs", "ls", "pause"}
    | {"plan", "port", "ps", "pull", "push", "reconcile", "recover", "release", "reload", "report"}
    | {"restart", "retry", "rm", "rollback", "run", "selftest", "show", "start", "stats", "status"}
    | {"stop", "top", "unpause", "up", "validate", "volumes", "wait"}
)
"""The others, which a hook may name."""
_USUAL_TIMEOUT_S: Final = 30.0
_Wrong = Callable[[str, str, str], None]
"""Says what is wrong at a key, and what would be right."""


def project_file(folder: Path, files: Files) -> Path | None:
    """The `podkeeper.yaml` of a folder; None where there is none."""
    return next((folder / name for name in FILE_NAMES if files.is_file(folder / name)), None)


def read_project_file(path: Path, sources: Sources, report: Report) -> Map:
    """Read it; what is wrong goes into the report."""
    text = sources.read(path, report)
    if text is None:
        return Map()
    documents = read_documents(text, Origin(path, str(path.parent), {}), report)
    tree = settle(documents[0]) if documents else Map()
    check_shape(tree, ProjectFile, report)
    return tree


def event_hooks(trees: Iterable[Map], report: Report) -> tuple[EventHook, ...]:
    """The hooks of several files; of two with a name the later one counts, whole.

    What is wrong goes into the report, at its place; such a hook is left out.
    """
    trees = tuple(trees)
    hosts = {str(host).lower() for tree in trees for host in tree.get("allow_hosts") or ()}
    found: dict[str, EventHook] = {}
    for tree in trees:
        hooks = tree.get("hooks") or Map()
        for name, written in hooks.items():
            before = len(report.diagnostics)
            _check(name, hooks, written, hosts, report)
            if len(report.diagnostics) == before:
                found[name] = _hook(name, written)
    return tuple(found.values())


def kinds() -> Mapping[str, frozenset[str]]:
    """Every kind of event, with the fields that it has."""
    union, *_ = get_args(Event)
    models: tuple[type[EventBase], ...] = get_args(union)
    return {
        kind: frozenset(model.model_fields)
        for model in models
        for kind in get_args(model.model_fields["kind"].annotation)
    }


def covers_any(topic: str) -> bool:
    """Whether there are events that a topic covers."""
    return any(covers((topic,), kind) for kind in kinds())


def topic_remedy(topic: str) -> str:
    """What to do about a topic that covers none."""
    near = get_close_matches(topic, [*kinds(), *_prefixes(kinds())], n=1)
    return (f"did you mean `{near[0]}`? " if near else "") + "the kinds are in docs/events.md"


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _check(name: str, hooks: Map, written: Map, hosts: Collection[str], report: Report) -> None:
    def wrong(key: str, message: str, hint: str) -> None:
        spot = written.spots.get(key) or hooks.spots.get(name)
        report.error(
            ErrorCode.INVALID_VALUE,
            f"hooks.{name}: {message}",
            spot,
            on_key=key not in written,
            hint=hint,
        )

    _check_actions(written, wrong)
    _check_topics(written, wrong)
    for key in ("run", "verb"):
        if key in written:
            _check_words(key, written[key], wrong)
    if "webhook" in written:
        _check_url(written["webhook"], hosts, wrong)
    if timeout := written.get("timeout"):
        try:
            is_some = duration_ns(timeout) > 0
        except ValueError:
            is_some = False
        if not is_some:
            wrong("timeout", f"`{timeout}` is no time for anything to be done in", "write one such as `30s`")


def _check_actions(written: Map, wrong: _Wrong) -> None:
    named = [action for action in ACTIONS if action in written]
    if len(named) != 1:
        said = " and ".join(f"`{action}`" for action in named) or "nothing"
        wrong(
            named[-1] if named else "", f"it says {said} about what to do", f"set one of {', '.join(ACTIONS)}"
        )
    if "level" in written and "notify" not in written:
        wrong("level", "`level` is for `notify` alone", "leave it out")


def _check_topics(written: Map, wrong: _Wrong) -> None:
    """Whether there are such events, and such fields in them."""
    known = kinds()
    topics = _texts(written.get("on"))
    for topic in topics:
        if not covers_any(topic):
            wrong("on", f"no event is called `{topic}`", topic_remedy(topic))
    fields = {field for kind, of in known.items() if covers(topics, kind) for field in of}
    for field in written.get("when") or ():
        if fields and field not in fields:
            wrong("when", f"these events have no field `{field}`", f"they have {', '.join(sorted(fields))}")


def _check_words(key: str, value: Any, wrong: _Wrong) -> None:
    try:
        words = _words(value)
    except ValueError as error:
        wrong(key, f"`{value}` can not be split: {error}", "close the quotes, or write a list")
        return
    if not words or not words[0].strip():
        wrong(key, f"`{key}` is empty", "write what to run")
    elif key == "verb" and words[0] in ENDLESS_VERBS:
        wrong(key, f"`{words[0]}` never ends", "choose a verb that does")
    elif key == "verb" and words[0] not in VERBS and not words[0].startswith("-"):
        near = get_close_matches(words[0], VERBS, n=1)
        hint = f"did you mean `{near[0]}`?" if near else "`podkeeper --help` lists them"
        wrong(key, f"there is no verb `{words[0]}`", hint)


def _check_url(url: str, hosts: Collection[str], wrong: _Wrong) -> None:
    try:
        parts = urlsplit(url)
        host, _ = (parts.hostname or "").lower(), parts.port
    except ValueError:
        wrong("webhook", f"`{url}` is no URL", "write such as `http://127.0.0.1:9000/hook`")
        return
    if parts.scheme not in {"http", "https"} or not host:
        wrong("webhook", f"`{url}` is no URL of http or https", "write such as `http://127.0.0.1:9000/hook`")
    elif parts.username or parts.password:
        wrong("webhook", "a URL must not hold a user or a password", "take them out")
    elif not is_loopback(host) and host not in hosts:
        wrong("webhook", f"`{host}` is not this machine", f"add `{host}` to `allow_hosts:`")


def _hook(name: str, written: Map) -> EventHook:
    timeout = written.get("timeout")
    return EventHook(
        name=name,
        topics=_texts(written["on"]),
        when={key: _values(value) for key, value in (written.get("when") or {}).items()},
        action=_action(written),
        timeout_s=duration_ns(timeout) / NANOSECONDS if timeout else _USUAL_TIMEOUT_S,
    )


def _action(written: Map) -> HookAction:
    if "run" in written:
        return RunCommand(argv=_words(written["run"]))
    if "verb" in written:
        return RunVerb(argv=_words(written["verb"]))
    if "restart" in written:
        return RestartService(service=ServiceName(written["restart"]))
    if "webhook" in written:
        return CallWebhook(url=written["webhook"])
    return Notify(message=written["notify"], level=written.get("level") or "info")


def _words(value: Any) -> tuple[str, ...]:
    return tuple(shlex.split(value)) if isinstance(value, str) else tuple(str(word) for word in value)


def _texts(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value or ())


def _values(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, list) else (value,)


def _prefixes(known: Iterable[str]) -> list[str]:
    return sorted({f"{kind.partition('.')[0]}.*" for kind in known})
