"""Podkeeper keeps Compose stacks healthy on Podman, from VS Code and the command line."""

__version__ = "0.1.0"
