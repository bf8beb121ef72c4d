"""What a service may say under `x-podkeeper`."""

from typing import Annotated, Final, TypeAlias

from containers.compose.schema_parts import ABSENT, Command, Flag, Rule, Shape

Duration: TypeAlias = Annotated[
    str,
    Rule(pattern=r"^(\d+(\.\d+)?(h|m|s|ms|us|ns))+$", instead="write a time such as `500ms` or `1m30s`"),
]
_Port: TypeAlias = Annotated[int, Rule(at_least=1, at_most=65535)]

OWN_KEY: Final = "x-podkeeper"


class Restarting(Shape):
    """How a service that fails is brought back; stronger than the environment's `monitoring_config`."""

    enabled: Flag = ABSENT
    """Whether Podkeeper restarts it. Default: true."""
    after: Annotated[int, Rule(at_least=1)] = ABSENT
    """How many failures in a row it takes. Default: 1."""
    max_attempts: Annotated[int, Rule(at_least=0)] = ABSENT
    """Restarts within the window before it is given up. Default: 5."""
    window: Duration = ABSENT
    """The time in which attempts are counted. Default: `10m`."""
    first_backoff: Duration = ABSENT
    """The wait before the second attempt; it doubles from there. Default: `500ms`."""
    longest_backoff: Duration = ABSENT
    """The longest wait between two attempts. Default: `1m`."""


class OutsideProbe(Shape):
    """A check from outside, for a service that has none of its own; either `tcp` or `http`."""

    tcp: _Port = ABSENT
    """The container's port that must accept a connection."""
    http: _Port = ABSENT
    """The container's port that must answer an HTTP request."""
    path: Annotated[str, Rule(pattern=r"^/", instead="begin with `/`")] = ABSENT
    """What to ask for. Default: `/`."""
    status: list[Annotated[int, Rule(at_least=100, at_most=599)]] = ABSENT
    """The answers that are well. Default: 200 to 399."""
    interval: Duration = ABSENT
    """The time between two checks. Default: `10s`."""
    timeout: Duration = ABSENT
    """How long one may take. Default: `3s`."""
    retries: Annotated[int, Rule(at_least=1)] = ABSENT
    """Failures in a row that make it unhealthy. Default: 3."""
    start_period: Duration = ABSENT
    """For so long after its start failures do not count. Default: `0s`."""


class Reload(Shape):
    """How the service takes up new files without a restart; either `signal` or `exec`."""

    signal: Annotated[str, Rule(pattern=r"^(SIG)?[A-Z][A-Z0-9+-]*$", instead="write one like `HUP`")] = ABSENT
    """The signal for its first process, such as `HUP`."""
    exec: Command = ABSENT
    """The command to run in its containers."""
    user: str = ABSENT
    """Who runs the command. Default: the service's user."""


class OwnKeys(Shape):
    """What Podkeeper does for a service beyond the Compose Specification."""

    essential: Flag = ABSENT
    """Whether it is brought back first, from the last known good revision. Default: false."""
    restart: Restarting = ABSENT
    """How it is brought back when it fails."""
    health: OutsideProbe = ABSENT
    """A check from outside."""
    reload: Reload = ABSENT
    """How it takes up new files."""
