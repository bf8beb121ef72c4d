"""Docker Compose itself, run on the same files, comes to the same document."""

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from containers.compose.loading import LoadRequest, load_project

DOCKER_COMPOSE = Path(sys.executable).with_name("docker-compose")

STACKS: Mapping[str, Mapping[str, str]] = {
    "a web stack": {
        "compose.yaml": """
            services:
              web:
                build: {context: ./web, args: [VERSION=1]}
                ports: ["8080:80", "127.0.0.1:9000-9001:9000-9001/udp"]
                depends_on: {db: {condition: service_healthy}}
                environment: {URL: "postgres://db/${NAME:-app}", DEBUG: true, RATIO: 1.50, PRICE: 5$$}
                restart: unless-stopped
              db:
                image: postgres:${TAG}
                env_file: db.env
                volumes: ["data:/var/lib/postgresql/data", "./init:/docker-entrypoint-initdb.d:ro,z"]
                healthcheck: {test: pg_isready -U me, interval: 90s, retries: 5}
                secrets: [password]
                shm_size: 128m
            volumes: {data: }
            secrets: {password: {file: ./password.txt}}
            """,
        ".env": "TAG=17\n",
        "db.env": 'POSTGRES_USER=me # the owner\nGREETING="hello\\nworld"\n',
    },
    "overrides": {
        "compose.yaml": """
            services:
              a: {image: x, command: [one], environment: {A: 1, B: 1}, ports: ["80:80"], dns: 1.1.1.1}
            """,
        "compose.override.yaml": """
            services:
              a: {command: two three, environment: [B=2], ports: !override ["81:80"], dns: [8.8.8.8]}
            """,
    },
    "extends and include": {
        "compose.yaml": """
            include: [part/compose.yaml]
            services:
              a: {extends: {file: part/base.yaml, service: base}, volumes: ["./own:/own"]}
            """,
        "part/compose.yaml": "services: {b: {image: 'b:${X:-1}', volumes: ['./data:/data']}}",
        "part/base.yaml": "services: {base: {image: x, volumes: ['./shared:/shared'], labels: {from: base}}}",
    },
    "anchors and fragments": {
        "compose.yaml": """
            x-common: &common {restart: always, logging: {driver: json-file, options: {max-size: 10m}}}
            services:
              a: {<<: *common, image: x, ulimits: {nofile: {soft: 1, hard: 2}}, mem_limit: 1.5g}
              b: {<<: *common, image: y, restart: "no", gpus: all, networks: {back: {aliases: [bee]}}}
            networks: {back: {internal: yes, ipam: {config: [{subnet: 10.1.0.0/24}]}}}
            """,
    },
    "profiles and limits": {
        "compose.yaml": """
            services:
              a: {image: x, deploy: {replicas: 2, resources: {limits: {cpus: "0.5", memory: 64M}}}}
              b: {image: y, profiles: [debug]}
              c: {image: z, network_mode: "service:a", stop_grace_period: 1h30m, tmpfs: /run}
            """,
    },
    "what is wrong: an unknown key": {"compose.yaml": "services: {a: {image: x, portz: []}}"},
    "what is wrong: a cycle": {
        "compose.yaml": "services: {a: {image: x, depends_on: [b]}, b: {image: x, depends_on: [a]}}"
    },
    "what is wrong: an undefined volume": {"compose.yaml": "services: {a: {image: x, volumes: ['no:/d']}}"},
    "what is wrong: a missing variable": {"compose.yaml": "services: {a: {image: '${T:?}'}}"},
}


class _Disk:
    """The `Files` port over the disk."""

    def read_text(self, path: Path) -> str:
        """The file's text."""
        return path.read_text(encoding="utf-8")

    def is_file(self, path: Path) -> bool:
        """Whether it is a file."""
        return path.is_file()

    def is_dir(self, path: Path) -> bool:
        """Whether it is a folder."""
        return path.is_dir()

    def list_dir(self, path: Path) -> tuple[str, ...]:
        """The names in a folder."""
        return tuple(sorted(child.name for child in path.iterdir()))


def _write(folder: Path, texts: Mapping[str, str]) -> None:
    for name, text in texts.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


@pytest.mark.parametrize("stack", STACKS)
def test_docker_compose_agrees(stack: str, tmp_path: Path) -> None:
    """The same verdict, and for what is right the same document, byte for byte once sorted."""
    _write(tmp_path, STACKS[stack])
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/home/nobody", "DOCKER_CONFIG": str(tmp_path / "none")}
    request = LoadRequest(working_dir=tmp_path, project_name="p", environment=environment)
    ours = load_project(request, _Disk())
    theirs = subprocess.run(
        [DOCKER_COMPOSE, "-p", "p", "config", "--format", "json"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (ours.project is not None) == (theirs.returncode == 0), theirs.stderr
    if ours.project is not None:
        assert ours.project.document == json.loads(theirs.stdout)


def test_the_oracle_is_installed() -> None:
    """The development dependency brings the program itself."""
    assert shutil.which(DOCKER_COMPOSE)
