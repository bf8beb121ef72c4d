"""Comparisons of environments as a table for the terminal, as Markdown, JSON, or a page of its own."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from containers.model.comparison import Difference, Matrix

if TYPE_CHECKING:
    from rich.console import RenderableType

_ABSENT = "not there"
_HIDDEN = "Values that look like secrets are hidden."


@dataclass(frozen=True, slots=True)
class Row:
    """One line: what it is about, and what each environment says."""

    name: str
    values: tuple[str | None, ...]
    """In the order of the report's environments; None where there is nothing."""
    stands_out: bool = False
    """Whether those that say something do not say the same."""


@dataclass(frozen=True, slots=True)
class Report:
    """A comparison, ready to be shown."""

    title: str
    note: str
    """What a reader should know about the rows."""
    environments: tuple[str, ...]
    groups: Mapping[str, tuple[Row, ...]]
    """Rows under what they are about, such as a service."""
    data: Any
    """The same for programs."""

    @classmethod
    def of_differences(cls, before: str, after: str, found: tuple[Difference, ...]) -> "Report":
        """What two environments do not have in common."""
        groups: dict[str, list[Row]] = {}
        for each in found:
            groups.setdefault(each.where, []).append(Row(each.key or "is", (each.before, each.after)))
        data = [each.model_dump(mode="json") for each in found]
        shown = {where: tuple(rows) for where, rows in groups.items()}
        return cls(f"From {before} to {after}", _HIDDEN, (before, after), shown, data)

    @classmethod
    def of_matrix(cls, found: Matrix) -> "Report":
        """What matters of every service."""
        groups: dict[str, list[Row]] = {}
        data: dict[str, dict[str, dict[str, str]]] = {}
        for row in found.rows:
            rows = groups.setdefault(row.service, [])
            # that a service is not there is said once, not for each aspect
            absent = "" if rows else None
            values = tuple(row.values.get(e, absent) for e in found.environments)
            rows.append(Row(row.aspect, values, row.differs))
            for environment, value in row.values.items():
                data.setdefault(row.service, {}).setdefault(environment, {})[row.aspect] = value
        shown = {service: tuple(rows) for service, rows in groups.items()}
        note = f"Marked rows are not the same everywhere. {_HIDDEN}"
        return cls("The services in each environment", note, found.environments, shown, data)

    def table(self) -> "RenderableType":
        """For a terminal; what differs stands out."""
        from rich import box  # noqa: PLC0415  (start-up time)
        from rich.table import Table  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415

        if not self.groups:
            return Text(f"{self.title}: no difference")
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        table.add_column("", overflow="fold")
        for environment in self.environments:
            table.add_column(environment.upper(), overflow="fold", ratio=1)
        for number, (heading, rows) in enumerate(self.groups.items()):
            if number:
                table.add_row("")
            table.add_row(Text(heading, style="bold"))
            for row in rows:
                style = "yellow" if row.stands_out else ""
                cells = (
                    Text(_ABSENT, style="dim") if v is None else Text(v, style=style) for v in row.values
                )
                table.add_row(Text(f"  {row.name}"), *cells)
        return table

    def markdown(self) -> str:
        """One table under a heading for each group."""
        if not self.groups:
            return f"{self.title}: no difference\n"
        parts = []
        for heading, rows in self.groups.items():
            lines = [_line(("", *self.environments)), _line(("---",) * (len(self.environments) + 1))]
            lines += [
                _line((row.name, *(_cell(value, bold=row.stands_out) for value in row.values)))
                for row in rows
            ]
            parts.append(f"## {heading}\n\n" + "".join(lines))
        return "\n".join(parts)

    def json(self) -> str:
        """The data."""
        return json.dumps(self.data, indent=2, ensure_ascii=False) + "\n"

    def html(self) -> str:
        """A page that needs nothing else: no script, no font, no address."""
        body = "".join(self._section(heading, rows) for heading, rows in self.groups.items())
        return _PAGE.format(
            title=escape(self.title),
            note=escape(self.note),
            body=body or "<p>No difference.</p>",
            style=_STYLE,
        )

    def _section(self, heading: str, rows: Iterable[Row]) -> str:
        heads = "".join(f"<th scope=col>{escape(environment)}</th>" for environment in self.environments)
        lines = "".join(
            f"<tr{' class=differs' if row.stands_out else ''}><th scope=row>{escape(row.name)}</th>"
            + "".join(
                f"<td class=absent>{_ABSENT}</td>" if value is None else f"<td>{escape(value)}</td>"
                for value in row.values
            )
            + "</tr>\n"
            for row in rows
        )
        return (
            f"<h2>{escape(heading)}</h2>\n<table>\n<thead><tr><td></td>{heads}</tr></thead>\n"
            f"<tbody>\n{lines}</tbody>\n</table>\n"
        )


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |\n"


def _cell(value: str | None, *, bold: bool) -> str:
    if value is None:
        return f"*{_ABSENT}*"
    return f"**{value}**" if bold and value else value


FORMATS: Mapping[str, Callable[[Report], str]] = {
    "table": Report.markdown,
    "markdown": Report.markdown,
    "json": Report.json,
    "html": Report.html,
}
"""What is written to a file, or printed where it is no table."""

_STYLE = """\
:root { color-scheme: light dark; --line: #d0d4da; --mark: #fff4d6; --soft: #667; }
@media (prefers-color-scheme: dark) { :root { --line: #3b4048; --mark: #4a3d13; --soft: #99a; } }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.05rem; margin: 2rem 0 .5rem; }
table { border-collapse: collapse; width: 100%; table-layout: fixed; }
th, td { border-bottom: 1px solid var(--line); padding: .35rem .6rem; text-align: left;
  vertical-align: top; overflow-wrap: anywhere; }
thead th { font-weight: 600; } tbody th { font-weight: 400; color: var(--soft); }
.differs td { background: var(--mark); } .absent { color: var(--soft); font-style: italic; }
p { color: var(--soft); }
@media (max-width: 40rem) { body { font-size: 13px; margin: 1rem auto; } th, td { padding: .25rem .35rem; } }
"""
_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
<h1>{title}</h1>
<p>{note}</p>
{body}</body>
</html>
"""
