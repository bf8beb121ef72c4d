"""`./dev torture sequences`: random edits and verbs, on an engine in memory and on real Podman.

After an apply that committed, the plan is empty; after one that was rolled back everything is what it was.
"""

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from tests.podman import bed
from tests.torture import fake_sequences, podman_sequences

_TURNS = 8
_TURNS_ON_PODMAN = 5
_IN_MEMORY = 20
"""Sequences in memory for each on Podman."""

Told = list[str]


def many(
    kind: str, seeds: range, one: Callable[[random.Random], Awaitable[Told]]
) -> tuple[Counter[str], list[str]]:
    """Run a sequence for each seed; what happened in them, and what went wrong."""
    happened: Counter[str] = Counter()
    failures = []
    for seed in seeds:
        try:
            told = asyncio.run(_awaited(one(random.Random(seed))))  # noqa: S311  (to be repeated)
        except AssertionError as error:
            failures.append(f"FAILED {kind}, --seed {seed} --runs 1:\n{error}")
        else:
            happened.update(line.strip().partition(" at ")[0] for line in told if line.startswith(" "))
    return happened, failures


async def in_memory(chance: random.Random) -> Told:
    """One sequence on the engine in memory."""
    sequence = fake_sequences.Sequence(chance)
    await sequence.run(_TURNS)
    return sequence.told


async def on_podman(url: str, folder: Path, chance: random.Random) -> Told:
    """One sequence on Podman."""
    sequence = podman_sequences.Sequence(url, folder, chance)
    await sequence.run(_TURNS_ON_PODMAN)
    return sequence.told


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the sequences and print what happened in them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--runs", type=int, default=100, help="sequences on Podman; twenty times as many in memory"
    )
    parser.add_argument("--seed", type=int, default=0, help="the first one's")
    options = parser.parse_args(arguments)
    failures = []
    began = time.monotonic()
    seeds = range(options.seed, options.seed + options.runs * _IN_MEMORY)
    happened, failed = many("in memory", seeds, in_memory)
    failures += failed
    _say(f"in memory: {len(seeds)} sequences in {time.monotonic() - began:.0f} s: {_counts(happened)}")
    began = time.monotonic()
    with bed.rootful_engine() as url, tempfile.TemporaryDirectory(prefix="sequences-") as folder:
        seeds = range(options.seed, options.seed + options.runs)
        happened, failed = many("on Podman", seeds, lambda c: on_podman(url, Path(folder), c))
    failures += failed
    _say(f"on Podman: {len(seeds)} sequences in {time.monotonic() - began:.0f} s: {_counts(happened)}")
    for failure in failures:
        _say(failure)
    _say(f"{len(failures)} failures")
    return int(bool(failures))


def _counts(happened: Counter[str]) -> str:
    return ", ".join(f"{count} {what}" for what, count in happened.most_common())


async def _awaited(work: Awaitable[Told]) -> Told:
    return await work


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
