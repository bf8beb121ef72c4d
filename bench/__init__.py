"""Measurements beside podman-compose and docker compose; `./dev bench`."""
