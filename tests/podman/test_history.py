"""What was applied and the way back to it, as a person uses them, on real Podman."""

import json
import signal
import subprocess
import time
from collections.abc import Iterator

import pytest
from tests.podman import bed
from tests.podman.command_line import Cli

from containers.model.base import ProjectName

STACK = """
services:
  web:
    image: IMAGE
    command: LOOP
    environment: {VERSION: 'ONE'}
    depends_on: {db: {condition: service_healthy}}
    configs: [app]
  db:
    image: IMAGE
    command: LOOP
    environment: {DB_PASSWORD: hunter2}
    healthcheck: {test: "true", interval: 30s}
    volumes: ["data:/data"]
configs: {app: {file: ./app.conf}}
volumes: {data: {}}
"""


def identities(url: str, project: str) -> dict[str, str]:
    """Containers of the project by name, with their ids."""
    label = f"label=io.podman.compose.project={project}"
    listed = bed.podman(url, "ps", "-a", "--no-trunc", "--filter", label, "--format", "{{.Names}} {{.ID}}")
    return dict(line.split() for line in listed.splitlines())


@pytest.fixture
def applied(cli: Cli) -> Cli:
    """A stack that is up, as its first revision."""
    (cli.folder / "app.conf").write_text("first")
    cli.write(STACK)
    up = cli("up", "-d")
    assert up.returncode == 0, up.stderr
    return cli


def change(cli: Cli, before: str, after: str) -> None:
    """Edit the compose file."""
    cli.write(STACK.replace(before, after))


def test_an_earlier_revision_is_gone_back_to_and_is_a_new_one(applied: Cli, podman_url: str) -> None:
    """Only what differs is touched; history, diff and show tell what there was, and no secret."""
    db = identities(podman_url, applied.project)[f"{applied.project}_db_1"]
    change(applied, "ONE", "TWO")
    plan = applied("plan")
    assert f"recreate {applied.project}_web_1: environment.VERSION ONE -> TWO" in plan.stdout
    assert applied("up", "-d").returncode == 0
    known = json.loads(applied("history", "--json").stdout)
    assert [(r["number"], r["good"]) for r in known] == [(2, True), (1, True)]
    differences = json.loads(applied("diff", "1", "2", "--json").stdout)
    assert [(d["where"], d["key"], d["before"], d["after"]) for d in differences] == [
        ("services.web", "environment.VERSION", "ONE", "TWO")
    ]
    assert "web" in applied("diff", "1", "--running").stdout
    back = applied("rollback")
    assert back.returncode == 0, back.stderr
    inside = bed.inside(podman_url, f"{applied.project}_web_1", "sh", "-c", "echo $VERSION")
    assert inside == "ONE"
    assert identities(podman_url, applied.project)[f"{applied.project}_db_1"] == db
    assert [r["number"] for r in json.loads(applied("history", "--json").stdout)] == [3, 2, 1]
    shown = applied("show", "3").stdout
    assert "VERSION: ONE" in shown
    assert "hunter2" not in shown
    report = json.loads(applied("report", "--json").stdout)
    assert (report["transactions"], report["committed"], report["torn"]) == (3, 3, 0)


@pytest.mark.xdist_group("build")  # cancelling one build can end another in the same Podman
def test_going_back_takes_the_image_of_that_time_whatever_its_tag_means_now(
    cli: Cli, podman_url: str
) -> None:
    """By id, not by tag."""
    tag = f"localhost/{cli.project}:latest"
    first = bed.podman(podman_url, "image", "inspect", "--format", "{{.Id}}", bed.IMAGE)
    bed.podman(podman_url, "tag", bed.IMAGE, tag)
    try:
        cli.write(f"services: {{app: {{image: '{tag}', command: LOOP}}}}")
        assert cli("up", "-d").returncode == 0
        context = cli.folder / "image"
        context.mkdir()
        (context / "Containerfile").write_text(f"FROM {bed.IMAGE}\nLABEL second=yes\n")
        bed.podman(podman_url, "build", "--tag", tag, str(context))
        drift = cli("drift")
        assert drift.returncode == 2
        assert "is another image now" in drift.stdout
        assert cli("up", "-d").returncode == 0
        container = f"{cli.project}_app_1"
        image = ("container", "inspect", "--format", "{{.Image}}", container)
        assert bed.podman(podman_url, *image) != first
        back = cli("rollback")
        assert back.returncode == 0, back.stderr
        assert bed.podman(podman_url, *image) == first
        assert cli("selftest").returncode == 0
    finally:
        cli("down", "-t", "0")
        bed.podman(podman_url, "rmi", "--force", tag)


def test_the_content_of_a_config_that_changed_makes_its_service_anew(applied: Cli, podman_url: str) -> None:
    """It is no part of the service, and still part of what that runs with."""
    before = identities(podman_url, applied.project)
    (applied.folder / "app.conf").write_text("second")
    assert "file_changed" in applied("drift", "--json").stdout
    plan = applied("plan")
    assert plan.returncode == 2
    assert f"recreate {applied.project}_web_1: the content of config app changed" in plan.stdout
    assert applied("up", "-d").returncode == 0
    after = identities(podman_url, applied.project)
    assert after[f"{applied.project}_db_1"] == before[f"{applied.project}_db_1"]
    assert bed.inside(podman_url, f"{applied.project}_web_1", "cat", "/app") == "second"


def test_reconciling_applies_no_content_that_was_edited(applied: Cli, podman_url: str) -> None:
    """It starts what was stopped; what was saved since waits for `up`, and is still told."""
    before = identities(podman_url, applied.project)
    (applied.folder / "app.conf").write_text("second")
    bed.podman(podman_url, "stop", "-t", "0", f"{applied.project}_db_1")
    done = applied("reconcile")
    assert done.returncode == 0, done.stderr
    assert identities(podman_url, applied.project) == before
    assert applied.ps()["db"]["state"] == "running"
    drift = applied("drift")
    assert drift.returncode == 2
    assert "the content of config app of web changed since it was applied" in drift.stdout
    assert "does not run" not in drift.stdout


@pytest.mark.parametrize("podman_url", [pytest.param("rootful", marks=pytest.mark.rootful)], indirect=True)
def test_inline_content_that_changed_is_noticed(cli: Cli, podman_url: str) -> None:
    """Other tools compare the service alone. Our own files are for an engine of ours."""
    stack = "services: {app: {image: IMAGE, command: LOOP, configs: [app]}}\nconfigs: {app: {content: first}}"
    cli.write(stack)
    assert cli("up", "-d").returncode == 0
    assert cli("plan").returncode == 0
    cli.write(stack.replace("first", "second"))
    assert "the content of config app changed" in cli("plan").stdout
    assert cli("up", "-d").returncode == 0
    assert bed.inside(podman_url, f"{cli.project}_app_1", "cat", "/app") == "second"


def test_a_network_with_other_settings_is_made_anew_only_with_consent(applied: Cli, podman_url: str) -> None:
    """The plan says that there is no way back to the very same; nothing is done before somebody agrees."""
    before = identities(podman_url, applied.project)
    applied.write(f"{STACK}networks: {{default: {{internal: true}}}}\n")
    refused = applied("up", "-d")
    assert refused.returncode == 1
    assert "confirmation_needed" in refused.stderr
    assert identities(podman_url, applied.project) == before
    agreed = applied("up", "-d", "-y")
    assert agreed.returncode == 0, agreed.stderr
    network = f"{applied.project}_default"
    assert bed.podman(podman_url, "network", "inspect", "--format", "{{.Internal}}", network) == "true"
    assert applied("plan").returncode == 0


def test_a_network_that_was_replaced_in_vain_comes_back_from_the_last_good_revision(
    applied: Cli, podman_url: str
) -> None:
    """What can not be put back is made anew as it was, and is healthy."""
    never_well = "healthcheck: {test: ['CMD', 'false'], interval: 30s}"  # it is waited for until it ends
    broken = STACK.replace("'ONE'}", f"'ONE'}}\n    entrypoint: ['false']\n    {never_well}")
    applied.write(f"{broken}networks: {{default: {{internal: true}}}}\n")
    failed = applied("up", "-d", "-y")
    assert failed.returncode == 1
    assert "service_exited" in failed.stderr
    assert "the last good revision was applied anew" in failed.stderr
    network = f"{applied.project}_default"
    assert bed.podman(podman_url, "network", "inspect", "--format", "{{.Internal}}", network) == "false"
    rows = applied.ps()
    assert (rows["web"]["state"], rows["db"]["health"]) == ("running", "healthy")
    inside = bed.inside(podman_url, f"{applied.project}_db_1", "sh", "-c", "echo $DB_PASSWORD")
    assert inside == "hunter2"


@pytest.mark.parametrize(
    ("how", "kind"),
    [
        (("rm", "--force", "--time", "0", "NAME_web_1"), "container_missing"),
        (("stop", "--time", "0", "NAME_web_1"), "container_stopped"),
    ],
)
def test_what_somebody_did_by_hand_is_drift_and_is_put_back(
    applied: Cli, podman_url: str, how: tuple[str, ...], kind: str
) -> None:
    """Found with its remedy, which brings back what was applied; edits stay unapplied."""
    assert applied("drift").returncode == 0
    bed.podman(podman_url, *(part.replace("NAME", applied.project) for part in how))
    change(applied, "hunter2", "hunter3")
    found = json.loads(applied("drift", "--json").stdout)["found"]
    assert {d["kind"] for d in found} == {kind, "not_applied"}
    mended = applied("reconcile")
    assert mended.returncode == 0, mended.stderr
    found = json.loads(applied("drift", "--json").stdout)["found"]
    assert {d["kind"] for d in found} == {"not_applied"}
    assert applied.ps()["web"]["state"] == "running"


def test_drift_that_is_said_to_be_all_right_is_not_told_again(applied: Cli, podman_url: str) -> None:
    """Until it is counted again."""
    bed.podman(podman_url, "stop", "--time", "0", f"{applied.project}_web_1")
    assert applied("drift").returncode == 2
    assert applied("reconcile", "--ignore", "web").returncode == 0
    assert applied("drift").returncode == 0
    assert "(ignored)" in applied("drift", "--all").stdout
    assert applied("reconcile", "--no-ignore").returncode == 0
    assert applied("drift").returncode == 2


def test_the_last_good_revision_comes_back_although_the_file_is_broken(applied: Cli, podman_url: str) -> None:
    """`recover` needs the state folder, the images and, for secrets, a container that has them."""
    bed.podman(podman_url, "rm", "--force", "--time", "0", f"{applied.project}_web_1")
    (applied.folder / "compose.yaml").write_text("services: [")
    recovered = applied("recover")
    assert recovered.returncode == 0, recovered.stderr
    assert f"{applied.project}_web_1" in identities(podman_url, applied.project)


def test_two_changes_at_once_are_one_after_the_other_or_refused_with_who_has_the_lock(
    applied: Cli,
) -> None:
    """Nothing is mixed: the second waits as long as it was told to."""
    slow = STACK.replace('"true"', '"sleep 1"').replace("hunter2", "hunter4")
    applied.write(slow)
    first = applied.start("up", "-d")
    applied.until_locked()
    impatient = applied("stop", "--wait-lock", "0")
    patient = applied("restart", "web", "--wait-lock", "30")
    assert first.wait(30) == 0
    first.communicate()
    if impatient.returncode:
        assert "lock_held" in impatient.stderr
        assert "has it for up since" in impatient.stderr
    assert patient.returncode == 0, patient.stderr


UNTIL_END = "trap exit TERM; echo working; until test -e /shared/end; do sleep 0.1; done; exit 3"


@pytest.fixture
def talking(cli: Cli) -> Iterator[Cli]:
    """Two services that say something, of which one ends with code 3 when there is a file `shared/end`."""
    (cli.folder / "shared").mkdir(mode=0o755)
    cli.write(
        """
services:
  talker:
    image: IMAGE
    command: ["sh", "-c", "trap 'exit 0' TERM; while :; do echo tick; sleep 0.1; done"]
  worker:
    image: IMAGE
    command: ["sh", "-c", "UNTIL_END"]
    volumes: ["./shared:/shared"]
""".replace("UNTIL_END", UNTIL_END)
    )
    yield cli
    cli("down", "-t", "0")


def test_up_stays_with_the_logs_until_it_is_interrupted_and_then_stops(talking: Cli) -> None:
    """As docker compose's does: prefixes, then `stop`, then the shell's code for an interrupt."""
    running = talking.start("up", "--attach", "talker")
    assert running.stdout is not None
    line = running.stdout.readline()
    assert f"{talking.project}_talker_1" in line
    assert "tick" in line
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=30)
    assert running.returncode == 130, out + err
    assert talking.ps()["talker"]["state"] == "exited"


def test_up_can_end_with_the_code_of_a_service(talking: Cli) -> None:
    """`--exit-code-from` stops everything when a container ends."""
    running = talking.start("up", "--exit-code-from", "worker", "-t", "0")
    assert running.stdout is not None
    assert any("working" in line for line in running.stdout), "it ended before the worker had said anything"
    (talking.folder / "shared" / "end").touch()
    out, err = running.communicate(timeout=30)
    assert running.returncode == 3, out + err
    assert talking.ps()["talker"]["state"] == "exited"


def test_services_scale_up_and_down_and_are_created_without_being_started(cli: Cli, podman_url: str) -> None:
    """`create`, `start`, `--scale` and `rm` as docker compose's users know them."""
    cli.write("services: {app: {image: IMAGE, command: LOOP}}")
    assert cli("create", "--scale", "app=2").returncode == 0
    assert set(identities(podman_url, cli.project)) == {f"{cli.project}_app_{n}" for n in (1, 2)}
    assert cli.ps()["app"]["state"] == "created"
    assert cli("start").returncode == 0
    assert cli.ps()["app"]["state"] == "running"
    assert cli("up", "-d", "--scale", "app=3").returncode == 0
    assert len(identities(podman_url, cli.project)) == 3
    assert cli("up", "-d").returncode == 0
    assert len(identities(podman_url, cli.project)) == 1
    assert cli("rm", "--force").returncode == 0
    assert len(identities(podman_url, cli.project)) == 1
    assert cli("rm", "--force", "--stop").returncode == 0
    assert identities(podman_url, cli.project) == {}


def test_hooks_run_when_a_container_has_started_and_before_it_is_stopped(cli: Cli) -> None:
    """As another user, with variables of their own; one that fails fails the `up`."""
    shared = cli.folder / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    stack = """
services:
  app:
    image: IMAGE
    command: LOOP
    volumes: ["FOLDER:/shared"]
    post_start: [{command: ["sh", "-c", "echo $$GREETING > /shared/started"], environment: {GREETING: hi}}]
    pre_stop: [{command: ["touch", "/shared/stopping"]}]
""".replace("FOLDER", str(shared))
    cli.write(stack)
    up = cli("up", "-d")
    assert up.returncode == 0, up.stderr
    assert (shared / "started").read_text() == "hi\n"
    assert cli("stop").returncode == 0
    assert (shared / "stopping").exists()
    cli.write(stack.replace('"touch", "/shared/stopping"', '"true"').replace("echo", "false; exit 4; echo"))
    failed = cli("up", "-d")
    assert failed.returncode == 1
    assert "hook_failed" in failed.stderr
    assert "failed with code 4" in failed.stderr


def test_a_process_that_is_killed_in_the_middle_is_put_right_by_the_next(
    applied: Cli, podman_url: str
) -> None:
    """The old stack runs again, the very same containers, before anything else is done."""
    before = identities(podman_url, applied.project)
    applied.write(STACK.replace("ONE", "TWO").replace('"true"', '"sleep 20"'))
    dying: subprocess.Popen[str] = applied.start("up", "-d")
    try:
        deadline = time.monotonic() + 30
        while not any("_old_" in name for name in identities(podman_url, applied.project)):
            assert time.monotonic() < deadline, "nothing was set aside"
            time.sleep(0.02)
    finally:
        dying.kill()
        dying.communicate()
    applied.write(STACK)
    mended = applied("up", "-d")
    assert mended.returncode == 0, mended.stderr
    assert "whose process ended, was undone" in mended.stderr
    assert identities(podman_url, applied.project) == before
    assert applied.ps()["db"]["health"] == "healthy"


@pytest.fixture
def image_with_volume(podman_url: str, project: ProjectName) -> Iterator[str]:
    """An image that has a volume at /data, as those of databases have."""
    tag = f"localhost/{project}:1"
    bed.podman(podman_url, "create", "--name", f"{project}-made", bed.IMAGE)
    bed.podman(podman_url, "commit", "-q", "--change", "VOLUME /data", f"{project}-made", tag)
    bed.podman(podman_url, "rm", f"{project}-made")
    yield tag
    bed.remove_project(podman_url, project)


def volumes_of(url: str, container: str) -> list[str]:
    """The volumes that a container mounts."""
    template = "{{range .Mounts}}{{.Name}} {{end}}"
    return bed.podman(url, "container", "inspect", "--format", template, container).split()


def test_what_an_image_keeps_in_a_volume_outlives_a_change(
    cli: Cli, podman_url: str, image_with_volume: str
) -> None:
    """A new container takes it over; `down` leaves it, and `down --volumes` removes it."""
    stack = f"services: {{db: {{image: '{image_with_volume}', command: LOOP, labels: {{v: 'ONE'}}}}}}"
    container = f"{cli.project}_db_1"
    cli.write(stack)
    assert cli("up", "-d").returncode == 0
    bed.inside(podman_url, container, "sh", "-c", "echo rows > /data/file")
    (volume,) = volumes_of(podman_url, container)
    for version in ("TWO", "THREE"):
        cli.write(stack.replace("ONE", version))
        up = cli("up", "-d")
        assert "Recreated" in up.stderr, up.stderr
        assert volumes_of(podman_url, container) == [volume]
        assert bed.inside(podman_url, container, "cat", "/data/file") == "rows"
    assert cli("plan").returncode == 0
    cli.write(
        stack.replace("ONE", "FOUR").replace("labels:", "healthcheck: {test: 'false', retries: 1}, labels:")
    )
    assert cli("up", "-d", "--wait-timeout", "1").returncode == 1
    assert bed.inside(podman_url, container, "cat", "/data/file") == "rows"
    cli.write(f"{stack}\nnetworks: {{default: {{internal: true}}}}")
    moved = cli("up", "-d", "-y")
    assert moved.returncode == 0, moved.stderr
    assert volumes_of(podman_url, container) == [volume]
    assert bed.inside(podman_url, container, "cat", "/data/file") == "rows"
    assert cli("down").returncode == 0
    assert volume in bed.podman(podman_url, "volume", "ls", "-q")
    bed.podman(podman_url, "volume", "rm", volume)
    assert cli("up", "-d").returncode == 0
    assert cli("up", "-d", "--force-recreate").returncode == 0
    (volume,) = volumes_of(podman_url, container)
    assert cli("down", "--volumes", "--yes").returncode == 0
    assert volume not in bed.podman(podman_url, "volume", "ls", "-q")
