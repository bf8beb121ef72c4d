"""How wide what is printed may be."""

import pytest

from containers.cli.globals import Globals
from containers.cli.tables import status_table
from containers.cli.terminal import Terminal
from containers.model.base import ServiceName
from containers.model.outcome import ServiceStatus

LONG = "registry.example.com/team/group/project/service-with-a-long-name:2026.11.22-build.4711"


def printed(capsys: pytest.CaptureFixture[str]) -> str:
    """A table of one service, as it comes out."""
    status = ServiceStatus(service=ServiceName("web"), image=LONG, container="project_web_1")
    Terminal(Globals()).out.print(status_table([status]))
    return capsys.readouterr().out


def test_what_is_piped_is_not_cut_short(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`podkeeper up -d | grep` finds whole names."""
    monkeypatch.delenv("COLUMNS", raising=False)
    assert LONG in printed(capsys)


def test_who_names_a_width_gets_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`COLUMNS` counts, as everywhere."""
    monkeypatch.setenv("COLUMNS", "80")
    said = printed(capsys)
    assert LONG not in said
    assert max(map(len, said.splitlines())) <= 80
