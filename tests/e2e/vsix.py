"""The extension as a `.vsix`, packed again only when something that goes into it changed."""

import hashlib
import subprocess
from pathlib import Path

from filelock import FileLock

ROOT = Path(__file__).parents[2]
EXTENSION = ROOT / "vscode-extension"
CACHE = ROOT / ".cache/e2e"
SOURCES = (
    "src/*.ts",
    "scripts/*.mjs",
    "media/*",
    "package*.json",
    "tsconfig.json",
    ".vscodeignore",
    "*.md",
    "LICENSE",
)


def packed() -> Path:
    """The package of the sources as they are now."""
    digest = hashlib.sha256()
    for file in sorted({file for pattern in SOURCES for file in EXTENSION.glob(pattern)}):
        digest.update(f"{file.relative_to(EXTENSION)}\0".encode())
        digest.update(file.read_bytes())
    vsix = CACHE / f"podkeeper-{digest.hexdigest()[:16]}.vsix"
    CACHE.mkdir(parents=True, exist_ok=True)
    with FileLock(CACHE / "vsix.lock"):
        if not vsix.exists():
            for old in CACHE.glob("podkeeper-*.vsix"):
                old.unlink()
            if not (EXTENSION / "node_modules").is_dir():
                _npm("ci", "--no-audit", "--no-fund")
            _npm("run", "--silent", "package", "--", "--out", str(vsix))
    return vsix


def _npm(*arguments: str) -> None:
    done = subprocess.run(["npm", *arguments], cwd=EXTENSION, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"npm {arguments[0]}: {done.stdout}{done.stderr}"
