"""What a container runs, as whom, with which variables, labels, rights and checks."""

import re
import signal
from collections.abc import Sequence
from typing import Any

from containers.model.project import HealthCheck
from containers.planning.adoption_subject import Finding, Findings, Subject

_ENGINES_VARIABLES = frozenset({"HOME", "HOSTNAME", "TERM", "container"})
"""What Podman itself puts into a container's environment."""
_PROXIES = frozenset({"http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy"})
"""What Podman hands on from its own environment."""
_ENGINES_ANNOTATIONS = (
    "io.container.",
    "io.kubernetes.",
    "io.podman.",
    "org.opencontainers.",
    "org.systemd.property.",
    "run.oci.",
)
_TOOLS_LABELS = ("com.docker.compose.", "io.podman.compose.", "io.podkeeper.", "PODMAN_SYSTEMD_UNIT")
_REPRESENTATIVE = frozenset({"NET_ADMIN", "SYS_ADMIN", "SYS_PTRACE"})
"""Who has these beside the usual ones was given `ALL`, whatever that is on its kernel."""
_TERM = 15


def environment(value: Any, subject: Subject) -> Findings:
    """Every variable by its name; values are never told."""
    del value
    seen = subject.seen.environment
    given = {key: text for key, text in subject.service.environment.items() if text is not None}
    expected = {**subject.seen.image.environment, **given}
    for name in sorted({*expected, *seen}):
        if name in expected:
            if seen.get(name) != expected[name]:
                yield Finding(f"environment {name}")
        elif name not in _ENGINES_VARIABLES and name.lower() not in _PROXIES:
            yield Finding(f"environment {name}")


def command(value: Any, subject: Subject) -> Findings:
    """Only where the whole command line is another."""
    if _runs_another(subject) and subject.seen.command != _command(value, subject):
        yield Finding("command")


def entrypoint(value: Any, subject: Subject) -> Findings:
    """Only where the whole command line is another, and not for the command's sake alone."""
    seen = subject.seen
    if not _runs_another(subject):
        return
    same_command = seen.command == _command(subject.document.get("command"), subject)
    if same_command or seen.entrypoint not in _entrypoints(value, subject):
        yield Finding("entrypoint")


def _runs_another(subject: Subject) -> bool:
    seen = subject.seen
    words = _command(subject.document.get("command"), subject)
    expected = [(*e, *words) for e in _entrypoints(subject.document.get("entrypoint"), subject)]
    return (*seen.entrypoint, *seen.command) not in expected


def _command(value: Sequence[str] | None, subject: Subject) -> tuple[str, ...]:
    """An entry point of its own takes the image's command away."""
    if value:
        return tuple(value)
    return () if subject.document.get("entrypoint") else subject.seen.image.command


def _entrypoints(value: Sequence[str] | None, subject: Subject) -> tuple[tuple[str, ...], ...]:
    """An empty one leaves the image's to docker compose, and takes it away for podman-compose."""
    image = subject.seen.image.entrypoint
    if value is None:
        return (image,)
    return (tuple(value),) if value else (image, ())


def labels(value: Any, subject: Subject) -> Findings:
    """Labels of the tools themselves say nothing about the service."""
    expected = {**subject.seen.image.labels, **(value or {})}
    for name in sorted({*expected, *subject.seen.labels}):
        if not name.startswith(_TOOLS_LABELS) and subject.seen.labels.get(name) != expected.get(name):
            yield Finding(f"labels {name}")


def annotations(value: Any, subject: Subject) -> Findings:
    """Those of the engine are left out."""
    expected = value or {}
    for name in sorted({*expected, *subject.seen.annotations}):
        is_engines = name.startswith(_ENGINES_ANNOTATIONS) and name not in expected
        if not is_engines and subject.seen.annotations.get(name) != expected.get(name):
            yield Finding(f"annotations {name}")


def user(value: Any, subject: Subject) -> Findings:
    """The image's, where the service says nothing."""
    if subject.seen.user != (value or subject.seen.image.user):
        yield Finding("user")


def working_dir(value: Any, subject: Subject) -> Findings:
    """The image's, where the service says nothing."""
    expected = value or subject.seen.image.working_dir or "/"
    if (subject.seen.working_dir.rstrip("/") or "/") != (expected.rstrip("/") or "/"):
        yield Finding("working_dir")


def hostname(value: Any, subject: Subject) -> Findings:
    """By default the container's id; one that shares the host's names has the host's."""
    seen = subject.seen
    if value:
        if seen.hostname != value:
            yield Finding("hostname")
    elif not (subject.shares_network or seen.uts_mode == "host"):
        usual = {"", seen.name, str(seen.id)[:12]}
        if seen.hostname not in usual:
            yield Finding("hostname")


def container_name(value: Any, subject: Subject) -> Findings:
    """Without one, any name that a compose program makes of project, service and number."""
    name, project, service = subject.seen.name, subject.project.name, subject.service.name
    usual = rf"([0-9a-f]+_)?{re.escape(project)}[-_]{re.escape(service)}[-_]\d+(_\w+)?"
    if name != value if value else not re.fullmatch(usual, name):
        yield Finding("container_name")


def stop_signal(value: Any, subject: Subject) -> Findings:
    """By number; the image's, where the service says nothing."""
    expected = value or subject.seen.image.stop_signal
    if subject.seen.stop_signal != (_signal(expected) if expected else _TERM):
        yield Finding("stop_signal")


def _signal(text: str) -> int:
    name = text.upper().removeprefix("SIG")
    if name.isdigit():
        return int(name)
    base, _, more = name.partition("+")
    found = signal.Signals.__members__.get(f"SIG{base}")
    return found.value + int(more or 0) if found is not None else -1


def restart(value: Any, subject: Subject) -> Findings:
    """`restart`, or what `deploy.restart_policy` comes to."""
    del value
    wanted, seen = subject.service.restart_policy, subject.seen.restart_policy
    if (wanted.name, wanted.max_retries or 0) != (seen.name, seen.max_retries or 0):
        yield Finding("restart")


def health_check(value: Any, subject: Subject) -> Findings:
    """The image's, where the service says nothing."""
    seen, wanted = subject.seen.health_check, subject.service.health_check
    if not value:
        wanted = subject.seen.image.health_check
    elif not value.get("test") and not value.get("disable"):
        if subject.seen.image.health_check is not None:
            yield Finding("healthcheck", known=False)
        return
    if seen is None or wanted is None:
        if seen is not wanted:
            yield Finding("healthcheck")
        return
    if _check_words(seen) != _check_words(wanted):
        yield Finding("healthcheck test")
    for field, name in (
        ("interval_s", "interval"),
        ("timeout_s", "timeout"),
        ("retries", "retries"),
        ("start_period_s", "start_period"),
    ):
        if getattr(seen, field) != getattr(wanted, field):
            yield Finding(f"healthcheck {name}")


def _check_words(check: HealthCheck) -> tuple[str, ...]:
    """A single word is the same with a shell and without: podman-compose hands it to one."""
    kind, *words = check.test
    if kind == "CMD-SHELL":
        text = " ".join(words)
        return ("CMD", text) if re.fullmatch(r"[\w./-]+", text) else ("CMD-SHELL", text)
    return (kind, *words)


def cap_add(value: Any, subject: Subject) -> Findings:
    """Beyond the engine's usual ones."""
    wanted = {_capability(c) for c in value or ()}
    dropped = {_capability(c) for c in subject.document.get("cap_drop") or ()}
    seen, usual = subject.seen.capabilities, subject.seen.engine.capabilities
    if subject.seen.privileged:
        return
    if "ALL" in wanted:
        if not seen >= _REPRESENTATIVE - dropped:
            yield Finding("cap_add")
    elif not seen >= wanted or not seen <= wanted | usual:
        yield Finding("cap_add")


def cap_drop(value: Any, subject: Subject) -> Findings:
    """From the engine's usual ones."""
    wanted = {_capability(c) for c in value or ()}
    added = {_capability(c) for c in subject.document.get("cap_add") or ()}
    usual = subject.seen.engine.capabilities
    if subject.seen.privileged:
        return
    gone = usual - subject.seen.capabilities
    if gone != (usual if "ALL" in wanted else usual & wanted) - added and "ALL" not in added:
        yield Finding("cap_drop")


def _capability(name: str) -> str:
    return name.upper().removeprefix("CAP_")


def security_options(value: Any, subject: Subject) -> Findings:
    """In either way of writing them; a profile from a file counts as a profile."""
    wanted = {_security_option(v) for v in value or ()} - {"no-new-privileges=false"}
    seen = {_security_option(v) for v in subject.seen.security_options}
    if not any(option.startswith("label") for option in wanted):
        seen = {option for option in seen if not option.startswith("label")}
    if wanted != seen:
        yield Finding("security_opt")


def _security_option(text: str) -> str:
    name, _, rest = re.sub(r"^([\w-]+)[:=]", r"\1=", text).partition("=")
    if name == "no-new-privileges":
        return "no-new-privileges" if rest in {"", "true"} else "no-new-privileges=false"
    if name == "seccomp" and rest != "unconfined":
        return "seccomp=profile"
    return f"{name}={rest}"


def umask(value: Any, subject: Subject) -> Findings:
    """Where the service has one; what it is otherwise depends on who made the container."""
    if value is not None and int(str(value), 8) != int(subject.seen.umask or "0", 8):
        yield Finding("umask")
