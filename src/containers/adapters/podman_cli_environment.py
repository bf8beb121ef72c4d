"""Environment values on their way to `podman create`: never in argv, which every user of a machine can read.

`podman create -e NAME` without a value takes it from the client's own environment, also over `--remote`, and
values of several lines pass unharmed. Names that would change how the client itself behaves go into a file
for `--env-file` instead.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

_RESERVED_NAMES = frozenset(
    {
        "ALL_PROXY",
        "DBUS_SESSION_BUS_ADDRESS",
        "GOCOVERDIR",
        "GODEBUG",
        "GOGC",
        "GOMAXPROCS",
        "GOMEMLIMIT",
        "GOTRACEBACK",
        "HOME",
        "HTTPS_PROXY",
        "HTTP_PROXY",
        "LOGNAME",
        "NOTIFY_SOCKET",
        "NO_PROXY",
        "PATH",
        "REGISTRY_AUTH_FILE",
        "SSH_AUTH_SOCK",
        "SSL_CERT_DIR",
        "SSL_CERT_FILE",
        "TMPDIR",
        "TZ",
        "USER",
        "USERNAME",
    }
)
_RESERVED_PREFIXES = (
    "BUILDAH_",
    "CONTAINER_",
    "CONTAINERS_",
    "DOCKER_",
    "LD_",
    "LISTEN_",
    "PODMAN_",
    "STORAGE_",
    "XDG_",
    "_CONTAINERS_",
)
_CLIENT_PREFIXES = (*_RESERVED_PREFIXES, "LC_")
_ONLY_OURS = frozenset({"CONTAINER_HOST", "CONTAINER_CONNECTION", "CONTAINER_SSHKEY"})
"""What the `--url` of every call says already; an inherited value could only contradict it."""
_PASSABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-]*\Z")
_LONGEST_ENTRY = 120_000
"""The kernel takes 131,071 bytes for one entry of the environment."""


@dataclass(slots=True)
class HiddenValues:
    """A command's options without values, and where the values went."""

    options: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    """For the child's environment."""
    file_lines: list[str] = field(default_factory=list)
    """For a file that only we may read."""


class UnpassableValueError(ValueError):
    """A value of several lines under a name that only a file of single lines can carry."""


def is_reserved(name: str) -> bool:
    """Whether the name means something to Podman's client, or to what it runs on."""
    return (
        name.upper() in _RESERVED_NAMES
        or name.upper().startswith(_RESERVED_PREFIXES)
        or _PASSABLE.match(name) is None  # `-e 'A*'` would pass everything that begins with A
    )


def client_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """What Podman's client needs of our environment; the rest of it is none of its business."""
    return {
        name: value
        for name, value in environ.items()
        if (name.upper() in _RESERVED_NAMES or name.startswith(_CLIENT_PREFIXES) or name == "LANG")
        and name not in _ONLY_OURS
    }


def hide_values(options: Sequence[str], *, flags: frozenset[str]) -> HiddenValues:
    """Take the values of `flags`, such as `-e` and `--env`, out of `options`.

    Raises:
        UnpassableValueError: a reserved name has a value of several lines.
    """
    hidden = HiddenValues()
    for option, assignment in _assignments(options, flags):
        name, equals, value = assignment.partition("=")
        if not option or not equals:
            hidden.options += [option, assignment] if option else [assignment]
        elif _goes_to_environment(name, value):
            # The last of several assignments wins, as it does for Podman.
            hidden.environment[name] = value
            hidden.options += [option, name]
        elif "\n" in value or "\n" in name:
            raise UnpassableValueError(name)
        else:
            hidden.file_lines.append(f"{name}={value}")
    return hidden


def without_values(options: Sequence[str], *, flags: frozenset[str]) -> list[str]:
    """The options with the names of variables alone, for show."""
    shown: list[str] = []
    for option, assignment in _assignments(options, flags):
        shown += [option, assignment.partition("=")[0]] if option else [assignment]
    return shown


def _goes_to_environment(name: str, value: str) -> bool:
    """Whether a value can be handed over by name; the others need a file."""
    if is_reserved(name) or len(name) + len(value.encode()) > _LONGEST_ENTRY:
        return False
    # Where `podman` is a shell script, the shell drops names such as `app.mode`. A file carries them all,
    # but no value of several lines.
    return name.isidentifier() or "\n" in value


def _assignments(options: Sequence[str], flags: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Pairs of a flag in `flags` and its argument; everything else with an empty flag."""
    waiting = iter(options)
    for option in waiting:
        name, equals, inline = option.partition("=")
        if option in flags:
            argument = next(waiting, None)
            if argument is None:
                yield "", option
            else:
                yield option, argument
        elif equals and name in flags:
            yield name, inline
        elif len(option) > 2 and not option.startswith("--") and option[:2] in flags:  # noqa: PLR2004  (-eA=b)
            yield option[:2], option[2:]
        else:
            yield "", option
