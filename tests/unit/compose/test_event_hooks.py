"""Hooks as they are written, and what is wrong with them."""

import json
from pathlib import Path

import pytest
from tests.fakes.memory_files import MemoryFiles

from containers.cli import verbs as cli_verbs
from containers.compose.event_hooks import ENDLESS_VERBS, VERBS, is_loopback
from containers.compose.schema_export import project_schema
from containers.environment_manager import EnvironmentManager, Selection
from containers.model.errors import EnvironmentConfigError, ErrorCode
from containers.model.hooks import (
    CallWebhook,
    EventHook,
    HookAction,
    Notify,
    RestartService,
    RunCommand,
    RunVerb,
)

FOLDER = Path("/w")
COMPOSE = "services: {web: {image: shop}}\n"


def manager(**texts: str) -> EnvironmentManager:
    """A manager of a folder with a compose file and other ones; `__` stands for `/`, `_yaml` for `.yaml`."""
    files = {name.replace("__", "/").replace("_yaml", ".yaml"): text for name, text in texts.items()}
    return EnvironmentManager(
        selection=Selection(folder=FOLDER),
        files=MemoryFiles({f"/w/{path}": text for path, text in {"compose.yaml": COMPOSE, **files}.items()}),
        environ={},
    )


def one(action: str) -> EventHook:
    """A hook with an action."""
    text = f"allow_hosts: [hooks.example]\nhooks:\n  h: {{on: container.died, {action}}}\n"
    (hook,) = manager(podkeeper_yaml=text).load_environment_config().hooks
    return hook


@pytest.mark.parametrize(
    ("written", "action"),
    [
        ('run: [notify-send, "a b"]', RunCommand(argv=("notify-send", "a b"))),
        ("run: 'notify-send \"a b\" c'", RunCommand(argv=("notify-send", "a b", "c"))),
        ("verb: logs --tail 20 web", RunVerb(argv=("logs", "--tail", "20", "web"))),
        ("restart: web", RestartService.model_validate({"service": "web"})),
        ("notify: '{service} died', level: error", Notify(message="{service} died", level="error")),
        ("webhook: 'http://localhost:9000/x'", CallWebhook(url="http://localhost:9000/x")),
        ("webhook: 'https://hooks.example/x'", CallWebhook(url="https://hooks.example/x")),
        ("webhook: 'http://[::1]:80/'", CallWebhook(url="http://[::1]:80/")),
    ],
)
def test_each_action_is_read(written: str, action: HookAction) -> None:
    """A text is split as a shell would, and no shell is there."""
    assert one(written).action == action


def test_topics_filters_and_the_timeout_are_read() -> None:
    """One value or several; half a minute unless it says otherwise."""
    text = (
        "hooks:\n"
        "  a: {on: [health.*, container.died], when: {service: [web, db]}, notify: x, timeout: 1m30s}\n"
        "  b: {on: drift.changed, when: {revision: 3}, notify: y}\n"
    )
    first, second = manager(podkeeper_yaml=text).load_environment_config().hooks
    assert (first.topics, first.when, first.timeout_s) == (
        ("health.*", "container.died"),
        {"service": ("web", "db")},
        90.0,
    )
    assert (second.topics, second.when, second.timeout_s) == (("drift.changed",), {"revision": (3,)}, 30.0)


def test_an_environment_has_those_of_the_project_and_its_own() -> None:
    """Of two with a name the environment's counts, whole; hosts may be allowed in either file."""
    one = manager(
        podkeeper_yaml=(
            "allow_hosts: [hooks.example]\n"
            "hooks: {a: {on: container.died, notify: project}, b: {on: drift.*, notify: b}}\n"
        ),
        environments__staging__environment_yaml=(
            "compose_files: [../../compose.yaml]\n"
            "hooks: {a: {on: health.*, webhook: 'http://hooks.example/'}, c: {on: '*', notify: c}}\n"
        ),
    )
    hooks = {hook.name: hook for hook in one.load_environment_config("staging").hooks}
    assert sorted(hooks) == ["a", "b", "c"]
    assert hooks["a"].action == CallWebhook(url="http://hooks.example/")
    assert [h.name for h in manager().load_environment_config().hooks] == []


@pytest.mark.parametrize(
    ("written", "place", "message"),
    [
        ("on: container.died, run: a, notify: b", "3:43", "it says `run` and `notify` about what to do"),
        ("on: container.died", "3:3", "it says nothing about what to do"),
        ("on: containers.died, notify: b", "3:11", "no event is called `containers.died`"),
        ("on: health.*, when: {colour: red}, notify: b", "3:27", "these events have no field `colour`"),
        ("on: '*', webhook: 'http://evil.example/'", "3:25", "`evil.example` is not this machine"),
        ("on: '*', webhook: 'file:///etc/passwd'", "3:25", "is no URL of http or https"),
        ("on: '*', webhook: 'http://u:p@localhost/'", "3:25", "must not hold a user or a password"),
        ("on: '*', webhook: 'http://localhost:x/'", "3:25", "is no URL"),
        ("on: '*', run: 'a \"b'", "3:21", "can not be split"),
        ("on: '*', run: []", "3:21", "`run` is empty"),
        ("on: '*', verb: monitor", "3:22", "`monitor` never ends"),
        ("on: '*', verb: watch --quiet", "3:22", "`watch` never ends"),
        ("on: '*', verb: restrat web", "3:22", "there is no verb `restrat`"),
        ("on: '*', run: a, level: error", "3:31", "`level` is for `notify` alone"),
        ("on: '*', run: a, timeout: soon", "3:33", "timeout does not accept `soon`"),
        ("on: '*', run: a, timeout: 0s", "3:33", "`0s` is no time"),
        ("on: '*', run: a, timeout: 99999999999999h", "3:33", "is no time"),
        ("run: a", "3:6", "has no `on`"),
        ("on: '*', notfy: a", "3:16", "has no key `notfy`"),
    ],
)
def test_what_is_wrong_is_said_at_its_place(written: str, place: str, message: str) -> None:
    """With its file, line and column, and what would be right."""
    text = f"x-note: 1\nhooks:\n  h: {{{written}}}\n"
    found = manager(podkeeper_yaml=text).load_project()
    assert found.project is None
    told = [str(d) for d in found.diagnostics]
    assert any(each.startswith(f"/w/podkeeper.yaml:{place}") and message in each for each in told), told


def test_a_hook_that_two_environments_make_together_is_checked_as_a_whole() -> None:
    """What is extended and what extends may each be right, and both together say two things."""
    one = manager(
        environments__base__environment_yaml=(
            "compose_files: [../../compose.yaml]\nhooks: {a: {on: drift.*, notify: x}}\n"
        ),
        environments__staging__environment_yaml="extends: base\nhooks: {a: {on: drift.*, run: x}}\n",
    )
    assert one.load_environment_config("base").hooks
    with pytest.raises(EnvironmentConfigError, match="`run` and `notify`") as caught:
        one.load_environment_config("staging")
    assert caught.value.code is ErrorCode.ENVIRONMENT_INVALID


@pytest.mark.parametrize(
    ("host", "is_here"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("0.0.0.0", False),  # noqa: S104  (it is asked about, not bound)
        ("10.0.0.1", False),
        ("localhost.example", False),
        ("127.0.0.1.example", False),
    ],
)
def test_only_this_machine_is_loopback(host: str, is_here: bool) -> None:  # noqa: FBT001
    """Names that only look like it are not."""
    assert is_loopback(host) is is_here


def test_the_schema_for_editors_has_every_key_with_its_words() -> None:
    """It is written into the extension by `./dev protocol`."""
    schema = json.loads(json.dumps(project_schema()))
    hook = schema["$defs"]["EventHook"]["properties"]
    assert set(hook) == {"on", "when", "run", "verb", "restart", "notify", "level", "webhook", "timeout"}
    assert all(each["description"] for each in hook.values())


def test_the_verbs_that_hooks_may_name_are_those_of_the_command_line() -> None:
    """One that is added there is decided upon here."""
    assert set(cli_verbs.VERBS) == VERBS | ENDLESS_VERBS
    assert not VERBS & ENDLESS_VERBS
