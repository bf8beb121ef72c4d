"""The stack that is brought up and down: small services in layers."""

from bench.tools import IMAGE, STAY

LAYERS = 5


def many_services(count: int, changed: int | None = None) -> str:
    """A compose file of `count` services in five layers, without health conditions: not every tool has them.

    With `changed`, one service's variable has another value than without.
    """
    width = max(count // LAYERS, 1)
    lines = ["services:"]
    for number in range(count):
        lines += [
            f"  s{number:02}:",
            f"    image: {IMAGE}",
            "    pull_policy: never",
            f'    command: ["sh", "-c", "{STAY}"]',
            "    environment:",
            f"      NUMBER: '{number}{'changed' if number == changed else ''}'",
        ]
        if number >= width:
            lines += ["    depends_on:", f"      - s{number - width:02}"]
    return "\n".join(lines) + "\n"


def checked_services(count: int, interval_s: int) -> str:
    """A compose file of `count` services, each with a health check that does next to nothing."""
    lines = ["services:"]
    for number in range(count):
        lines += [
            f"  s{number:02}:",
            f"    image: {IMAGE}",
            "    pull_policy: never",
            f'    command: ["sh", "-c", "{STAY}"]',
            "    healthcheck:",
            '      test: ["CMD", "true"]',
            f"      interval: {interval_s}s",
            "      timeout: 5s",
        ]
    return "\n".join(lines) + "\n"
