"""Units of the user's systemd, with a `systemctl` that writes down what it is asked for."""

from pathlib import Path

import pytest

from containers.adapters.systemd_user_units import SystemdUserUnits
from containers.model.errors import ErrorCode, PodkeeperError

SYSTEMCTL = """#!/bin/sh
echo "$@" >> "$HOME/asked"
[ ! -e "$HOME/broken" ] || { echo "Failed to connect to bus"; exit 1; }
"""


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """A home with such a program."""
    program = tmp_path / "bin" / "systemctl"
    program.parent.mkdir()
    program.write_text(SYSTEMCTL)
    program.chmod(0o755)
    return {"HOME": str(tmp_path), "PATH": f"{program.parent}:/usr/bin:/bin", "SECRET": "hunter2"}


def asked(tmp_path: Path) -> list[str]:
    """What systemctl was asked for."""
    return [line for line in (tmp_path / "asked").read_text().splitlines() if "show-environment" not in line]


def written(path: str) -> str:
    """A unit's text; empty where there is none."""
    return Path(path).read_text() if Path(path).exists() else ""


async def test_a_unit_is_written_enabled_and_started(tmp_path: Path, environ: dict[str, str]) -> None:
    """Each word quoted as systemd reads it; of the environment only what chooses engine and state."""
    environ["PODKEEPER_STATE_DIR"] = "/var/my state"
    argv = ["/usr/bin/python", "-m", "containers", "--file", 'a "b" 100%$x.yaml', "monitor"]
    path = await SystemdUserUnits(environ).install("pk", "keeps 100% well", argv, Path("/srv/my shop"))
    text = written(path)
    assert path == str(tmp_path / ".config/systemd/user/pk.service")
    assert '"--file" "a \\"b\\" 100%%$$x.yaml" "monitor"' in text
    assert "WorkingDirectory=/srv/my shop\n" in text
    assert "Description=keeps 100%% well\n" in text
    assert 'Environment="PODKEEPER_STATE_DIR=/var/my state"\n' in text
    assert "hunter2" not in text
    assert asked(tmp_path) == [
        "--user daemon-reload",
        "--user enable pk.service",
        "--user restart pk.service",
    ]


async def test_what_was_installed_can_be_removed_once(tmp_path: Path, environ: dict[str, str]) -> None:
    """The second time there is nothing to remove."""
    units = SystemdUserUnits(environ)
    path = await units.install("pk", "", ["true"], tmp_path)
    assert await units.uninstall("pk")
    assert written(path) == ""
    assert not await units.uninstall("pk")
    assert "--user disable --now pk.service" in asked(tmp_path)


async def test_no_systemd_is_told_with_a_code_and_nothing_is_written(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    """No program, or one that finds nobody to talk to."""
    (tmp_path / "broken").touch()
    for without in (environ, {**environ, "PATH": str(tmp_path)}):
        with pytest.raises(PodkeeperError) as refused:
            await SystemdUserUnits(without).install("pk", "", ["true"], tmp_path)
        assert refused.value.code is ErrorCode.UNSUPPORTED
        assert "podkeeper monitor" in refused.value.remedy
    assert not (tmp_path / ".config").exists()
