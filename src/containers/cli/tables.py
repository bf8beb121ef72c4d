"""Status and plan as a person reads them."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from containers.lsp.projection import phase_of
from containers.model.base import ServiceName
from containers.model.outcome import ServiceStatus
from containers.model.plan import Plan
from containers.model.supervision import Standing
from containers.planning.plan_text import plan_lines

if TYPE_CHECKING:
    from rich.console import RenderableType

_STYLES = {
    "healthy": "green",
    "running": "green",
    "completed": "green",
    "starting": "yellow",
    "unhealthy": "bold red",
    "exited": "red",
    "paused": "yellow",
    "created": "dim",
    "absent": "dim",
    "unknown": "dim",
}
_SIGNS = {"+": "green", ">": "green", "~": "yellow", "-": "red", "!": "yellow", "v": "cyan", "*": "cyan"}


def status_rows(
    statuses: Iterable[ServiceStatus], standings: Mapping[ServiceName, Standing] | None = None
) -> list[dict[str, Any]]:
    """What `ps --json` prints: one object a service."""
    known = standings or {}
    return [
        {
            "service": s.service,
            "container": s.container or None,
            "state": str(s.state),
            "health": str(s.health),
            "image": s.image,
            "ports": [str(p) for p in s.ports],
            "exit_code": s.exit_code,
            "uptime_s": round(s.uptime_s, 1),
            "supervision": str(known[s.service]) if s.service in known else None,
        }
        for s in statuses
    ]


def status_table(statuses: Iterable[ServiceStatus]) -> "RenderableType":
    """The table of `ps`."""
    from rich import box  # noqa: PLC0415  (start-up time)
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("SERVICE", "STATUS", "UP", "PORTS"):
        table.add_column(heading, no_wrap=True)
    for heading in ("IMAGE", "CONTAINER"):  # in a narrow terminal these give way
        table.add_column(heading, overflow="ellipsis")
    for status in statuses:
        phase = phase_of(status)
        words = f"exited ({status.exit_code})" if phase == "exited" else phase
        words = "not created" if phase == "absent" else words
        table.add_row(
            status.service,
            Text(words, style=_STYLES[phase]),
            _age(status.uptime_s) if status.uptime_s else "",
            "\n".join(str(p) for p in status.ports),
            status.image,
            status.container,
        )
    return table


def plan_renderable(plan: Plan) -> "RenderableType":
    """The lines of a plan, coloured by what they do."""
    from rich.text import Text  # noqa: PLC0415  (start-up time)

    text = Text()
    for number, line in enumerate(plan_lines(plan)):
        text.append("\n" if number else "")
        sign = line[0] if line[1:2] == " " else ""
        text.append(line, style=_SIGNS.get(sign, ""))
    return text


def _age(seconds: float) -> str:
    """How long, in the largest unit that fits."""
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= size:
            return f"{int(seconds // size)}{unit}"
    return f"{int(seconds)}s"
