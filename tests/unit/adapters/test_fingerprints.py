"""Fingerprints of contents, made with a key of this machine."""

import asyncio
import stat
import sys
from pathlib import Path

from tests.fakes.projects import project

from containers.adapters.fingerprints import KeyedFingerprints
from containers.model.base import ServiceName

WEB = ServiceName("web")
DEMO = project(
    services={"web": {"configs": [{"source": "app", "target": "/app.conf"}]}},
    configs={"app": {"content": "a"}},
)
OTHER = project(
    services={"web": {"configs": [{"source": "app", "target": "/app.conf"}]}},
    configs={"app": {"content": "b"}},
)


async def test_a_content_has_one_fingerprint_on_one_machine(tmp_path: Path) -> None:
    """Another content has another; another machine, too."""
    first = await KeyedFingerprints(tmp_path, {}).inputs(DEMO)
    assert first == await KeyedFingerprints(tmp_path, {}).inputs(DEMO)
    assert first != await KeyedFingerprints(tmp_path, {}).inputs(OTHER)
    assert first != await KeyedFingerprints(tmp_path / "elsewhere", {}).inputs(DEMO)
    assert set(first[WEB]) == {"config app"}


async def test_a_damaged_key_is_made_anew(tmp_path: Path) -> None:
    """An empty one would let anybody try what a secret is."""
    key = tmp_path / "fingerprint.key"
    key.write_bytes(b"")
    first = await KeyedFingerprints(tmp_path, {}).inputs(DEMO)
    assert len(key.read_bytes()) == 32
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert first == await KeyedFingerprints(tmp_path, {}).inputs(DEMO)


def names_in(folder: Path) -> list[str]:
    """What is in a folder."""
    return [path.name for path in folder.iterdir()]


MAKER = """
import asyncio, sys
from pathlib import Path
from containers.adapters.fingerprints import KeyedFingerprints

print(KeyedFingerprints(Path(sys.argv[1]), {})._the_key().hex())
"""


async def test_processes_that_make_the_key_at_once_agree_on_it(tmp_path: Path) -> None:
    """Else one would label containers in a way that nobody else could compare."""
    makers = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", MAKER, str(tmp_path), stdout=asyncio.subprocess.PIPE
        )
        for _ in range(4)
    ]
    keys = {(await maker.communicate())[0].strip() for maker in makers}
    assert len(keys) == 1
    assert names_in(tmp_path) == ["fingerprint.key"]
