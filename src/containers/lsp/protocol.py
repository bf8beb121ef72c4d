"""Everything that goes over the wire beside standard LSP, in one place.

`vscode-extension/src/protocol.ts` is generated from the JSON schema of these models by `./dev protocol`;
`./dev check` fails when it is stale. Methods are named `podkeeper/<noun>/<verb>`.

The verbs themselves are `workspace/executeCommand` commands, `podkeeper.up` and so on: each takes one
`CommandArguments` object and answers a `TaskResult`.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from containers.model.base import DESCRIBED
from containers.model.outcome import TaskResult
from containers.model.view import ViewPatch, ViewState

COMMANDS = (
    "podkeeper.up",
    "podkeeper.down",
    "podkeeper.restart",
    "podkeeper.start",
    "podkeeper.stop",
    "podkeeper.rollback",
    "podkeeper.reconcile",
    "podkeeper.reload",
    "podkeeper.hold",
    "podkeeper.release",
    "podkeeper.retry",
    "podkeeper.recover",
    "podkeeper.status",
    "podkeeper.logs",
    "podkeeper.plan",
    "podkeeper.history",
    "podkeeper.health",
    "podkeeper.drift",
    "podkeeper.selftest",
    "podkeeper.validate",
    "podkeeper.doctor",
)

VIEW_SNAPSHOT = "podkeeper/view/snapshot"
"""Request, no parameters -> `ViewState`. Patches with a later revision follow as notifications."""
VIEW_PATCH = "podkeeper/view/patch"
"""Notification from the server: `ViewPatch`."""
EVENT_PUBLISHED = "podkeeper/event/published"
"""Notification from the server: `PublishedEvent`."""
TASK_LIST = "podkeeper/task/list"
"""Request, no parameters -> `TaskList`."""
ENVIRONMENT_LIST = "podkeeper/environment/list"
"""Request: `FolderParams` -> `EnvironmentList`."""
ENVIRONMENT_SELECT = "podkeeper/environment/select"
"""Request: `EnvironmentSelectParams` -> `EnvironmentList`."""
LOGS_FOLLOW = "podkeeper/logs/follow"
"""Request: `LogsFollowParams` -> null. `LOGS_APPENDED` notifications follow until `LOGS_UNFOLLOW`."""
LOGS_UNFOLLOW = "podkeeper/logs/unfollow"
"""Request: `LogsUnfollowParams` -> null."""
LOGS_APPENDED = "podkeeper/logs/appended"
"""Notification from the server: `LogsAppended`."""
LOGS_OPEN = "podkeeper/logs/open"
"""Notification from the server: `LogsOpenParams`: the editor opens its log panel for a service."""


class Wire(BaseModel):
    """What comes in may carry more than we know; what goes out does not."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", use_attribute_docstrings=DESCRIBED, defer_build=True
    )


class CommandArguments(Wire):
    """The one argument of every `podkeeper.*` command."""

    folder: str | None = None
    """Path of the workspace folder whose stack is meant; null means the first."""
    services: tuple[str, ...] = ()
    """Empty means all."""
    environment: str | None = None
    """Null means the selected one."""
    lines: int = 100
    """Of `podkeeper.logs`."""
    volumes: bool = False
    """Of `podkeeper.down`: remove the volumes too."""
    revision: int | None = None
    """Of `podkeeper.rollback`: null means the last good one before the newest."""
    consent: bool = False
    """Whether the person agreed to what can not be undone."""


class FolderParams(Wire):
    """A request about one workspace folder."""

    folder: str | None = None


class TaskDescription(Wire):
    """One task that the editor offers, and that `tasks.json` may name."""

    name: str
    """The `task` field of the task definition, such as `up`."""
    label: str
    detail: str
    folder: str
    """The working folder of the process."""
    argv: tuple[str, ...]
    """The whole command line, the program first."""
    verb_at: int
    """Where in `argv` the verb stands: options such as `--env` go before it, services to the end."""


class TaskList(Wire):
    """All tasks of the workspace."""

    tasks: tuple[TaskDescription, ...]


class EnvironmentList(Wire):
    """The environments of a folder."""

    environments: tuple[str, ...]
    selected: str


class EnvironmentSelectParams(Wire):
    """Choose the environment that commands take when they name none."""

    folder: str | None = None
    environment: str


class LogsFollowParams(Wire):
    """Follow a service's log."""

    stream: str
    """Chosen by the caller; names the stream in what follows."""
    folder: str | None = None
    service: str
    lines: int = 200


class LogsUnfollowParams(Wire):
    """Stop following."""

    stream: str


class LogsAppended(Wire):
    """More of a followed log."""

    stream: str
    text: str
    ended: bool = False
    """Nothing more will come."""


class LogsOpenParams(Wire):
    """Show the log panel of a service."""

    folder: str
    service: str


class PublishedEvent(Wire):
    """One event of the bus, as JSON."""

    kind: str
    event: dict[str, Any]


class InitializationOptions(Wire):
    """What the extension sends with `initialize`."""

    trusted: bool = True
    """False in an untrusted workspace: nothing is run and no engine is talked to; validation works."""
    engineUrl: str | None = None  # noqa: N815  (the wire's spelling)
    """The setting `podkeeper.engineUrl`."""
    environment: str | None = None
    """The setting `podkeeper.environment`."""
    applyOnSave: Literal["off", "prompt", "safe"] = "off"  # noqa: N815  (the wire's spelling)
    """The setting `podkeeper.applyOnSave`."""
    trace: Literal["off", "messages", "verbose"] = "off"


EXPORTED: tuple[type[BaseModel], ...] = (
    CommandArguments,
    EnvironmentList,
    EnvironmentSelectParams,
    FolderParams,
    InitializationOptions,
    LogsAppended,
    LogsFollowParams,
    LogsOpenParams,
    LogsUnfollowParams,
    PublishedEvent,
    TaskDescription,
    TaskList,
    TaskResult,
    ViewPatch,
    ViewState,
)
"""What `protocol.ts` is made of."""

FROM_EDITOR: tuple[type[BaseModel], ...] = (
    CommandArguments,
    EnvironmentSelectParams,
    FolderParams,
    InitializationOptions,
    LogsFollowParams,
    LogsUnfollowParams,
)
"""Those of them that the editor sends: it may leave defaults out."""
