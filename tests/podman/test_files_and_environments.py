"""What a person types about files and environments, beside docker compose where it has the same verb."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.podman import bed

DOCKER_COMPOSE = Path(sys.executable).with_name("docker-compose")

STACK = {
    "compose.yaml": """\
name: shop
services:
  web:
    image: web:${TAG:-1}
    ports: ["${PORT:-8080}:80"]
    environment: {PRICE: 5$$, URL: "http://${HOST:?the host}/"}
    depends_on: [db]
    volumes: ["data:/data"]
    profiles: [front]
  db: {image: db, secrets: [key], networks: [back]}
networks: {back: {}}
volumes: {data: {}}
secrets: {key: {file: ./key}}
""",
    ".env": "HOST=here\n",
    "key": "k",
    "environments/staging/environment.yaml": """\
description: As live, but smaller.
compose_files: [../../compose.yaml, compose.yaml]
variables: {TAG: 2, HOST: staging.example, DB_PASSWORD: hush}
resource_limits: {memory: 64m}
""",
    "environments/staging/compose.yaml": "services: {db: {init: true, environment: {A_TOKEN: t0ken1}}}\n",
    "environments/production/environment.yaml": """\
extends: staging
variables: {TAG: 3}
compose_files: [compose.yaml]
""",
    "environments/production/compose.yaml": "services: {db: {environment: {A_TOKEN: t0ken2}}}\n",
}

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the stack above."""
    root = tmp_path / "stack"
    for name, text in STACK.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return root


@pytest.fixture
def podkeeper(folder: Path, tmp_path: Path) -> Run:
    """The command line in that folder, with a state folder of its own."""
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("COMPOSE_", "PODKEEPER_"))}
    environ["PODKEEPER_STATE_DIR"] = str(tmp_path / "state")

    def run(*arguments: str, stdin: str | None = None, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "containers", *arguments],
            cwd=folder,
            env={**environ, "COLUMNS": "120", **more},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


def docker_compose(folder: Path, *arguments: str) -> str:
    """What docker compose prints in the same folder."""
    environ = {"PATH": os.defpath, "HOME": str(folder)}
    argv = [str(DOCKER_COMPOSE), *arguments]
    return subprocess.run(argv, cwd=folder, env=environ, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("output", ["yaml", "json"])
def test_config_prints_the_document_that_docker_compose_prints(
    folder: Path, podkeeper: Run, output: str
) -> None:
    """In both formats, and loading what was printed prints the same again."""
    done = podkeeper("--profile", "front", "config", "--format", output)
    assert done.returncode == 0, done.stderr
    theirs = json.loads(docker_compose(folder, "--profile", "front", "config", "--format", "json"))
    assert yaml.safe_load(done.stdout) == theirs
    again = podkeeper("--profile", "front", "-f", "-", "config", "--format", output, stdin=done.stdout)
    assert again.stdout == done.stdout


@pytest.mark.parametrize(
    "option", ["--services", "--volumes", "--networks", "--profiles", "--images", "--environment"]
)
def test_config_lists_what_docker_compose_lists(folder: Path, podkeeper: Run, option: str) -> None:
    """One a line; the order is ours, and stable."""
    ours = podkeeper("--profile", "front", "config", option)
    theirs = docker_compose(folder, "--profile", "front", "config", option)
    assert ours.returncode == 0, ours.stderr
    if option == "--environment":
        assert "HOST=here" in ours.stdout.splitlines()
        assert "HOST=here" in theirs.splitlines()
    else:
        assert sorted(ours.stdout.split()) == sorted(theirs.split())


def test_config_lists_variables_also_where_required_ones_are_missing(folder: Path, podkeeper: Run) -> None:
    """Name, whether it is required, default and alternative: docker compose's columns."""
    (folder / ".env").unlink()
    ours = podkeeper("config", "--variables")
    theirs = docker_compose(folder, "config", "--variables")

    def rows(text: str) -> set[tuple[str, ...]]:
        return {tuple(re.split(r"\s{2,}", line.strip())) for line in text.splitlines()}

    assert ours.returncode == 0, ours.stderr
    assert rows(ours.stdout) == rows(theirs)


def test_config_leaves_variables_as_they_are_when_asked(folder: Path, podkeeper: Run) -> None:
    """What is no variable is still in its long form."""
    (folder / ".env").unlink()
    document = yaml.safe_load(podkeeper("--profile", "front", "config", "--no-interpolate").stdout)
    web = document["services"]["web"]
    assert web["image"] == "web:${TAG:-1}"
    assert web["ports"] == ["${PORT:-8080}:80"]
    assert web["environment"] == {"PRICE": "5$$", "URL": "http://${HOST:?the host}/"}
    assert web["depends_on"] == {"db": {"condition": "service_started", "required": True}}


def test_config_of_a_service_has_what_it_needs_and_no_more(podkeeper: Run) -> None:
    """Its dependencies come along; an unknown one is an error that names the others."""
    document = yaml.safe_load(podkeeper("--profile", "front", "config", "db").stdout)
    assert list(document["services"]) == ["db"]
    assert "volumes" not in document
    wrong = podkeeper("config", "dbb")
    assert (wrong.returncode, "service_unknown" in wrong.stderr) == (1, True)


def test_config_writes_files_whole_checks_quietly_and_says_what_is_wrong(
    folder: Path, podkeeper: Run
) -> None:
    """`-o`, `-q`, and an invalid file: nothing is written, and the exit code is 1."""
    assert podkeeper("config", "-o", "out.yaml").returncode == 0
    assert yaml.safe_load((folder / "out.yaml").read_text())["name"] == "shop"
    quiet = podkeeper("config", "-q")
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, "", "")
    before = (folder / "out.yaml").read_text()
    (folder / "compose.yaml").write_text("services: {a: {imagee: x}}\n")
    wrong = podkeeper("config", "-o", "out.yaml")
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert re.search(r"compose\.yaml:1:16: error: .*`imagee`.*did you mean `image`", wrong.stderr)
    assert (folder / "out.yaml").read_text() == before


def test_a_service_has_one_hash_however_it_is_asked_for(podkeeper: Run) -> None:
    """All with `*`, several by name; another value is another hash."""
    all_of_them = podkeeper("--profile", "front", "config", "--hash", "*").stdout.splitlines()
    assert [line.split()[0] for line in all_of_them] == ["db", "web"]
    assert podkeeper("--profile", "front", "config", "--hash", "web").stdout.strip() == all_of_them[1]
    other = podkeeper("--profile", "front", "config", "--hash", "web", TAG="9").stdout.strip()
    assert other != all_of_them[1]


def test_images_are_pinned_by_the_digest_that_podman_has(
    folder: Path, podkeeper: Run, rootful_url: str
) -> None:
    """One that is not here is an error at its line."""
    (folder / "compose.yaml").write_text(f"services:\n  a:\n    image: {bed.IMAGE}\n")
    environ = {"CONTAINER_HOST": rootful_url}
    done = podkeeper("config", "--resolve-image-digests", **environ)
    (digest,) = json.loads(bed.podman(rootful_url, "image", "inspect", bed.IMAGE))[0]["RepoDigests"][:1]
    assert yaml.safe_load(done.stdout)["services"]["a"]["image"] == digest
    (folder / "compose.yaml").write_text("services:\n  a:\n    image: localhost/nobody/has:this\n")
    wrong = podkeeper("config", "--resolve-image-digests", **environ)
    assert wrong.returncode == 1
    assert "image_not_found" in wrong.stderr
    assert "compose.yaml:3:12" in wrong.stderr.replace("\n", "")


def test_explain_names_every_place_and_variable(podkeeper: Run) -> None:
    """The environment can be named after the verb; a wrong path names the nearest."""
    done = podkeeper("explain", "services.db.environment.A_TOKEN", "--env", "production")
    assert done.stdout.splitlines() == [
        "services.db.environment.A_TOKEN = t0ken2",
        "  set in   environments/production/compose.yaml:1:40  t0ken2",
        "  replaced environments/staging/compose.yaml:1:52  t0ken1",
    ]
    url = podkeeper("explain", "services.db.image", "--json")
    assert json.loads(url.stdout)["value"] == "db"
    wrong = podkeeper("explain", "services.dbb.image")
    assert wrong.returncode == 1
    assert "did you mean db?" in wrong.stderr


def test_environments_are_listed_shown_and_chosen(podkeeper: Run) -> None:
    """What `env use` chose is what every verb takes, until it is told another."""
    listed = {row["environment"]: row for row in json.loads(podkeeper("env", "list", "--json").stdout)}
    assert {n: (r["project"], r["selected"], r["errors"]) for n, r in listed.items()} == {
        "development": ("shop", True, 0),
        "staging": ("shop-staging", False, 0),
        "production": ("shop-production", False, 0),
    }
    assert "As live, but smaller." in podkeeper("env", "list").stdout
    shown = yaml.safe_load(podkeeper("env", "show", "production").stdout)
    assert shown["environment_variables"] == {"TAG": "3", "HOST": "staging.example", "DB_PASSWORD": "••••"}
    assert podkeeper("env", "use", "staging").returncode == 0
    assert podkeeper("env", "use").stdout.strip() == "staging"
    assert "name: shop-staging" in podkeeper("config").stdout
    assert "name: shop\n" in podkeeper("--env", "development", "config").stdout
    assert "name: shop-production" in podkeeper("config", PODKEEPER_ENV="production").stdout
    wrong = podkeeper("env", "use", "stagin")
    assert (wrong.returncode, "environment_unknown" in wrong.stderr) == (1, True)
    assert podkeeper("env", "use").stdout.strip() == "staging"


def test_a_template_of_the_variables_is_written_and_nothing_is_lost(folder: Path, podkeeper: Run) -> None:
    """It says what is required, what has a default and where each is used; a file that differs stays."""
    assert podkeeper("env", "init").returncode == 0
    text = (folder / ".env.example").read_text()
    assert "# Required: the host\n# Set by: staging, production\n# Used in compose.yaml:6\nHOST=\n" in text
    assert "# Default: 8080\n# Used in compose.yaml:5\n#PORT=8080\n" in text
    assert podkeeper("env", "init").returncode == 0
    (folder / ".env.example").write_text("MINE=1\n")
    refused = podkeeper("env", "init")
    assert (refused.returncode, "conflict" in refused.stderr) == (1, True)
    assert (folder / ".env.example").read_text() == "MINE=1\n"
    assert podkeeper("env", "init", "--force").returncode == 0
    assert (folder / ".env.example").read_text() == text


def test_environments_are_compared_in_every_form_and_secrets_stay_hidden(
    folder: Path, podkeeper: Run
) -> None:
    """Table, Markdown, JSON and a page that needs nothing else."""
    found = json.loads(podkeeper("env", "diff", "development", "production", "--format", "json").stdout)
    said: dict[str, tuple[Any, Any]] = {f"{d['where']} {d['key']}": (d["before"], d["after"]) for d in found}
    assert said["services.web image"] == ("web:1", "web:3")
    assert said["services.db mem_limit"] == (None, "64 MiB")
    assert said["services.db environment.A_TOKEN"] == (None, "••••")
    assert not any("volumes" in key or "networks" in key for key in said)
    hidden = json.loads(podkeeper("env", "diff", "staging", "production", "--format", "json").stdout)
    assert {
        "where": "services.db",
        "key": "environment.A_TOKEN",
        "before": "•••• (1)",
        "after": "•••• (2)",
    } in (hidden)
    for output in ("table", "markdown", "html", "json"):
        for verb in (("diff", "development", "production"), ("matrix",)):
            text = podkeeper("env", *verb, "--format", output).stdout
            assert "t0ken" not in text
            assert "64 MiB" in text
    assert podkeeper("env", "matrix", "--format", "html", "-o", "page.html").returncode == 0
    page = (folder / "page.html").read_text()
    assert page.startswith("<!doctype html>")
    assert not re.search(r"https?:|<script|src=|@import", page)


def test_validate_says_what_podman_does_differently_here(
    folder: Path, podkeeper: Run, rootless_url: str, rootful_url: str
) -> None:
    """By engine and by provider; warnings are no errors, and without an engine that is said."""
    (folder / "compose.yaml").write_text(
        "services:\n  a:\n    image: localhost/x\n    ports: ['80:80']\n    ipc: shareable\n"
        "    logging: {driver: fluentd}\n"
    )

    def said(url: str, *options: str) -> str:
        done = podkeeper("validate", *options, CONTAINER_HOST=url)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    assert re.search(r"compose\.yaml:4:13: warning: .*may not publish port 80", said(rootless_url))
    assert "port 80" not in said(rootful_url)
    assert re.search(r"6:23: warning: .*no log driver `fluentd`", said(rootful_url))
    assert "ipc" not in said(rootful_url)
    assert "services.a.ipc is ignored" in said(rootful_url, "--provider", "podman-compose")
    assert said("unix:///nowhere.sock", "--no-engine") == ""
    assert "information: Podman could not be asked" in said("unix:///nowhere.sock")


def test_validate_says_what_two_environments_cannot_both_have(
    folder: Path, podkeeper: Run, rootful_url: str
) -> None:
    """A host port is told with who else publishes it; a project name that is shared, as a warning."""
    both = podkeeper("--env", "staging", "--profile", "front", "validate", CONTAINER_HOST=rootful_url).stdout
    assert "port 8080 is published by web in the environment development, too" in both
    for name in ("staging", "production"):
        file = folder / f"environments/{name}/environment.yaml"
        file.write_text(f"{file.read_text()}project_name: one\n")
    same = podkeeper("--env", "staging", "validate", CONTAINER_HOST=rootful_url).stdout
    assert "warning: the environment production has the project name one, too" in same
