"""Scores Podkeeper on recorded cases: `python -m tests.conformance.score FOLDER`.

The folder has `cases.json`, a list of cases with `id`, `files`, `env`, `profiles`, `env_files`, `oracle`
(`valid` or `invalid`) and `expected` (a path); `cases/<id>/`; and the expected documents, in which `${DIR}`
stands for the case's folder, `${DIR/..}` for the one above it and so on, and `${HOME}` for the home folder.
"""

import json
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from tests.conformance.agreement import Outcome, ask_podkeeper, differences, process_environment

_HOME: Final = "/home/somebody"
_LEVELS: Final = 4
"""How many folders above that of a case an expected document may name."""


def main(folder: Path) -> int:
    """Print the differences and the figures; zero when everything agrees."""
    counts: Counter[tuple[str, bool]] = Counter()
    for case in json.loads((folder / "cases.json").read_text(encoding="utf-8")):
        found = list(_differences(case, folder))
        counts[case["oracle"], not found] += 1
        if found:
            _say(f"{case['id']}:", *(f"    {each}" for each in found))
    valid, invalid = counts["valid", True], counts["invalid", True]
    _say(
        f"documents: {valid} of {valid + counts['valid', False]} agree",
        f"refusals:  {invalid} of {invalid + counts['invalid', False]} agree",
    )
    return 0 if counts["valid", False] + counts["invalid", False] == 0 else 1


def _differences(case: Mapping[str, Any], root: Path) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as above:
        folder = Path(above, "a", "b", "c", case["id"])
        shutil.copytree(root / "cases" / case["id"], folder)
        outcome = _ask(case, folder)
        if case["oracle"] == "invalid":
            if outcome.document is not None:
                yield f"accepted, but refused by docker compose: {case['error']}"
        elif outcome.document is None:
            yield f"refused: {outcome.complaint}"
        else:
            expected = (root / case["expected"]).read_text(encoding="utf-8")
            yield from differences(json.loads(_placed(expected, folder)), outcome.document)


def _ask(case: Mapping[str, Any], folder: Path) -> Outcome:
    arguments = ["-p", "proj"]
    for option, key in (("-f", "files"), ("--profile", "profiles"), ("--env-file", "env_files")):
        for value in case[key]:
            arguments += [option, value]
    return ask_podkeeper(folder, arguments, process_environment(folder, {"HOME": _HOME, **case["env"]}))


def _placed(text: str, folder: Path) -> str:
    """A document with the folders of this run in it."""
    for level in range(_LEVELS, 0, -1):
        text = text.replace("${DIR" + "/.." * level + "}", str(folder.parents[level - 1]))
    return text.replace("${DIR}", str(folder)).replace("${HOME}", _HOME)


def _say(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
