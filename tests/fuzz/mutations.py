"""Breaking texts: line by line, word by word, byte by byte, and by the structure of YAML."""

import random
import re
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

import yaml

Mutation: TypeAlias = Callable[[str, random.Random], str]

WORDS: Final = (
    *("null", "~", "true", "yes", "0", "-1", "1e400", ".inf", ".nan", "0x7fffffffffffffffff", "08", "9" * 60),
    *("''", '""', "[]", "{}", "[[]]", "[null]", "{a: b}", "[a, {b: c}]", "{'': ''}", "- -", "? a", "<<: *a"),
    *(
        "!reset null",
        "!override [a]",
        "!override {a: b}",
        "!!str 1",
        "!!binary aGk=",
        "!unknown x",
        "&a b",
        "*a",
    ),
    *("$A", "${A}", "${A:-b}", "${A:?}", "${A?no}", "${A:+${B}}", "${", "$$", "${A:-${B:-${C}}}", "$${A}"),
    *(
        "80:80",
        "1-65535",
        "[::1]:80:80/udp",
        "8080-8082:80-81",
        ":",
        "::",
        "a:b:c:d",
        "/",
        "//",
        ".",
        "..",
        "~",
    ),
    *("service:a", "container:x", "host", "https://x.y/z.yaml", "-1s", "1h1", "1.5gb", "1e9g", "2024-01-01"),
    *("a=b", "=", "a=", "=b", "\\ud800", "\\0", "é", "😀", "\u2028", "\x85", "\ufeff", "\x00", "\x7f", "\t"),
)
"""What is put in the place of other values."""
KEYS: Final = (
    *("image", "build", "command", "entrypoint", "environment", "env_file", "label_file", "labels", "ports"),
    *(
        "volumes",
        "networks",
        "network_mode",
        "depends_on",
        "extends",
        "include",
        "configs",
        "secrets",
        "deploy",
    ),
    *("healthcheck", "profiles", "develop", "provider", "models", "gpus", "devices", "ulimits", "logging"),
    *("tmpfs", "extra_hosts", "sysctls", "annotations", "x-a", "pre_start", "post_start", "blkio_config"),
    *("services", "name", "version", "external", "file", "content", "driver_opts", "ipam", "links", "pid"),
    *(
        "scale",
        "cpus",
        "mem_limit",
        "restart",
        "stop_grace_period",
        "credential_spec",
        "volumes_from",
        "expose",
    ),
    *("additional_contexts", "args", "ssh", "resources", "limits", "test", "interval", "condition", "target"),
)
"""What keys are renamed to."""
_VALUE: Final = re.compile(r"(?<=[:\-,\[{] )[^\s,\[\]{}#]+")
_KEY: Final = re.compile(r"[\w.-]+(?=:(?: |$))", re.MULTILINE)


def mutate(text: str, chance: random.Random, often: int) -> str:
    """Break a text in a few ways, one after the other."""
    for _ in range(often):
        text = chance.choice(MUTATIONS)(text, chance)
    return text


def _replaced(text: str, found: Sequence[re.Match[str]], word: str, chance: random.Random) -> str:
    if not found:
        return text
    place = chance.choice(found)
    return text[: place.start()] + word + text[place.end() :]


def other_value(text: str, chance: random.Random) -> str:
    """Another value."""
    return _replaced(text, list(_VALUE.finditer(text)), chance.choice(WORDS), chance)


def other_key(text: str, chance: random.Random) -> str:
    """Another key."""
    return _replaced(text, list(_KEY.finditer(text)), chance.choice(KEYS), chance)


def swapped_values(text: str, chance: random.Random) -> str:
    """A value where another one is."""
    found = list(_VALUE.finditer(text))
    return _replaced(text, found, chance.choice(found)[0], chance) if found else text


def lines(text: str, chance: random.Random) -> str:
    """A line that is missing, doubled, moved or indented in another way."""
    rows = text.split("\n")
    at = chance.randrange(len(rows))
    row = rows.pop(at)
    match chance.randrange(5):
        case 0:
            pass
        case 1:
            rows[at:at] = [row, row]
        case 2:
            rows.insert(chance.randrange(len(rows) + 1), row)
        case 3:
            rows.insert(at, " " * chance.randrange(9) + row.lstrip())
        case _:
            rows.insert(
                at, row + chance.choice([":", " #", ",", " |", " >-", " &a", " *a", "\r", "\t", "---", "}"])
            )
    return "\n".join(rows)


def blocks(text: str, chance: random.Random) -> str:
    """Some lines again, somewhere else."""
    rows = text.split("\n")
    first = chance.randrange(len(rows))
    last = min(len(rows), first + chance.randrange(1, 12))
    at = chance.randrange(len(rows) + 1)
    return "\n".join([*rows[:at], *rows[first:last], *rows[at:]])


def characters(text: str, chance: random.Random) -> str:
    """A few characters that are other ones, more or fewer."""
    for _ in range(chance.randrange(1, 4)):
        at = chance.randrange(len(text) + 1)
        new = chance.choice(["", *"[]{}:,-?!&*|>%@`\"'#$= \n\r\t\0\x85\u2028\ufeff\ud800~/.0aé"])
        text = text[:at] + new + text[at + chance.randrange(3) :]
    return text


def octets(text: str, chance: random.Random) -> str:
    """Some bits of the UTF-8 that are other ones; what is no UTF-8 then is left out, or replaced."""
    raw = bytearray(text.encode("utf-8", "surrogatepass"))
    for _ in range(chance.randrange(1, 4)):
        if raw:
            raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
    return raw.decode("utf-8", chance.choice(["ignore", "replace"]))


def shortened(text: str, chance: random.Random) -> str:
    """Only the beginning, or only the end."""
    at = chance.randrange(len(text) + 1)
    return text[:at] if chance.random() < 0.5 else text[at:]


def other_structure(text: str, chance: random.Random) -> str:
    """The same values in another structure: parts are moved, nested, emptied, or become other kinds."""
    try:
        tree = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError, TypeError):
        return text
    holders: list[dict[object, object] | list[object]] = []
    _collect(tree, holders)
    if not holders:
        return text
    for _ in range(chance.randrange(1, 4)):
        holder = chance.choice(holders)
        slots = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        if not slots:
            continue
        slot = chance.choice(slots)
        holder[slot] = _other(holder[slot], chance.choice(holders), chance)  # type: ignore[call-overload]
    try:
        flow = chance.choice([True, False, None])
        return yaml.safe_dump(tree, default_flow_style=flow, allow_unicode=True, sort_keys=False)
    except (yaml.YAMLError, RecursionError, ValueError):
        return text


def _other(value: object, somewhere: object, chance: random.Random) -> object:
    simple: tuple[object, ...] = (
        None,
        [],
        {},
        "",
        0,
        -1,
        1.5,
        True,
        "x",
        [None],
        [[]],
        {"": None},
        {"a": [{}]},
    )
    match chance.randrange(6):
        case 0 | 1:
            return chance.choice(simple)
        case 2:
            return [value]
        case 3:
            return {str(value)[:9]: value}
        case 4:
            return [*map(str, value)] if isinstance(value, dict | list) else [value, value]
        case _:
            return yaml.safe_load(yaml.safe_dump(somewhere))


def _collect(value: object, holders: list[dict[object, object] | list[object]]) -> None:
    """Note every mapping and list, each once: an alias may stand for what it is in."""
    if not isinstance(value, dict | list) or any(value is known for known in holders):
        return
    holders.append(value)
    for entry in value.values() if isinstance(value, dict) else value:
        _collect(entry, holders)


MUTATIONS: Final[tuple[Mutation, ...]] = (
    *(other_value, other_value, other_value, other_value, other_value, swapped_values, swapped_values),
    *(other_key, other_key, other_structure, other_structure, lines, blocks, characters, octets, shortened),
)
"""Those that keep a file readable are taken more often: what does not parse says nothing of later stages."""
