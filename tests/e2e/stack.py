"""The stack of the journeys: six small services, one of which waits for two others."""

from pathlib import Path

from tests.podman import bed

SERVICES = ("api", "cache", "database", "mail", "web", "worker")
COMPOSE = """\
name: {name}

x-service: &service
  image: {image}
  init: true
  restart: unless-stopped
  healthcheck: &check
    test: ["CMD", "test", "-e", "/ready"]
    interval: 2s
    timeout: 2s
    retries: 3

services:
  database:
    <<: *service
    command: ["sh", "-c", "echo database accepts connections; touch /ready; exec sleep 1000"]
    volumes: ["rows:/rows"]
  cache:
    <<: *service
    command: ["sh", "-c", "echo cache is warm; touch /ready; exec sleep 1000"]
  mail:
    <<: *service
    command: ["sh", "-c", "echo mail is delivered; touch /ready; exec sleep 1000"]
  api:
    <<: *service
    command: ["sh", "-c", "echo api answers; touch /ready; exec sleep 1000"]
    depends_on:
      database: {{condition: service_healthy}}
      cache: {{condition: service_healthy}}
  worker:
    <<: *service
    command: ["sh", "-c", "echo worker waits for work; touch /ready; exec sleep 1000"]
    depends_on:
      database: {{condition: service_healthy}}
  web:
    <<: *service
    command: ["sh", "-c", "echo web is here; touch /ready; while :; do sleep 1; echo GET /; done"]
    depends_on:
      api: {{condition: service_healthy}}

volumes:
  rows:
"""


def write(folder: Path, name: str) -> Path:
    """Write the compose file into a new folder; the folder."""
    folder.mkdir()
    (folder / "compose.yaml").write_text(COMPOSE.format(name=name, image=bed.IMAGE))
    return folder


def main_process(url: str, project: str, service: str) -> int:
    """The process of a service's container, as the machine numbers it, once it runs."""
    return bed.process_of(url, f"{project}_{service}_1")
