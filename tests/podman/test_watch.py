"""Watching on real Podman: what is saved here is in the containers a moment later."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.podman import bed
from tests.podman.command_line import Cli
from tests.podman.watching import Watching

SERVICE = """
services:
  api:
    image: IMAGE
    command: LOOP
"""
SYNC = "      watch:\n        - {path: ./src, action: sync, target: /app/src}\n"


def develop(cli: Cli, rules: str, more: str = "", build: str = "") -> None:
    """A service with rules, and a source folder with one file."""
    (cli.folder / "src").mkdir(exist_ok=True)
    (cli.folder / "src" / "a.txt").write_text("one\n")
    text = SERVICE if not build else SERVICE.replace("    image: IMAGE\n", build)
    cli.write(f"{text}    stop_grace_period: 1s\n{more}    develop:\n{rules}")


def test_what_is_saved_made_and_removed_is_so_in_the_container(
    cli: Cli, watch: Callable[..., Watching]
) -> None:
    """For a service that has only an image; with modes, folders made at once, and the container's owner."""
    develop(cli, SYNC)
    watching = watch()
    source = cli.folder / "src"
    (source / "a.txt").write_text("two\n")
    watching.until(lambda: watching.content("/app/src/a.txt") == "two", "the new text")
    deep = source / "made" / "at" / "once"
    deep.mkdir(parents=True)
    (deep / "run.sh").write_text("x")
    (deep / "run.sh").chmod(0o750)
    watching.until(
        lambda: watching.within("stat", "-c", "%a %u", "/app/src/made/at/once/run.sh") == "750 0", "the mode"
    )
    fresh = source / "a.txt.tmp1"
    fresh.write_text("three\n")
    fresh.rename(source / "a.txt")
    watching.until(lambda: watching.content("/app/src/a.txt") == "three", "a save by renaming")
    (source / "a.txt").unlink()
    shutil.rmtree(source / "made")
    watching.until(lambda: watching.within("sh", "-c", "ls -A /app/src && echo .") == ".", "both removed")
    watching.until(lambda: watching.said("removed "), "that it says so")
    assert not watching.said("error")


def test_a_thousand_files_are_one_batch(cli: Cli, watch: Callable[..., Watching]) -> None:
    """All go in together; `./dev bench` tells how long they take."""
    develop(cli, SYNC)
    watching = watch()
    staged = cli.folder / "staged"
    staged.mkdir()
    for number in range(1000):
        (staged / f"f{number}").write_text(str(number))
    staged.rename(cli.folder / "src" / "many")
    watching.until(lambda: watching.said("synced 1000 files"), "a thousand files in one batch")
    assert watching.within("sh", "-c", "ls /app/src/many | wc -l") == "1000"


def test_what_leads_out_of_its_folder_is_refused_and_the_rest_goes_in(
    cli: Cli, watch: Callable[..., Watching], tmp_path: Path
) -> None:
    """A link out is neither followed nor copied; one that stays inside is copied as a link."""
    secret = tmp_path / "secret.txt"
    secret.write_text("hidden")
    develop(cli, SYNC.replace("}", ", initial_sync: true}"))
    watching = watch()
    source = cli.folder / "src"
    (source / "out").symlink_to(secret)
    (source / "up").symlink_to("../compose.yaml")
    (source / "folder").symlink_to(tmp_path)
    (source / "inside").symlink_to("a.txt")
    (source / "absolute").symlink_to(source / "a.txt")
    watching.until(lambda: watching.content("/app/src/inside"), "the rest")
    watching.until(lambda: watching.said("path_escapes"), "the refusal")
    watching.until(lambda: watching.within("readlink", "/app/src/absolute") == "a.txt", "a link inside")
    expected = {"inside", "absolute", "a.txt"}
    watching.until(lambda: set(watching.within("ls", "/app/src").split()) == expected, "these, no others")


def test_a_target_that_climbs_is_refused_before_anything_is_watched(cli: Cli) -> None:
    """`..` in a target is never meant."""
    develop(cli, SYNC.replace("/app/src", "/app/../../etc"))
    done = cli("watch", "--no-up")
    assert done.returncode == 1
    assert "path_escapes" in done.stderr


def test_ignored_files_stay_out(cli: Cli, watch: Callable[..., Watching]) -> None:
    """By the rule's own patterns, by editors' habits, and all but what is included."""
    rule = (
        "{path: ./src, action: sync, target: /app, ignore: [node_modules/, '**/*.log'], include: ['**/*.*']}"
    )
    develop(cli, f"      watch: [{rule}]\n")
    watching = watch()
    source = cli.folder / "src"
    (source / "node_modules").mkdir()
    for name in ("node_modules/x.js", "b.log", ".a.txt.swp", "a.txt~", "plain", "good.txt"):
        (source / name).write_text("x")
    watching.until(lambda: watching.content("/app/good.txt"), "the good one")
    time.sleep(0.5)
    assert watching.within("ls", "-A", "/app") == "good.txt"


def test_initial_sync_brings_what_is_there_to_every_replica(cli: Cli, watch: Callable[..., Watching]) -> None:
    """Before anything changes; and later changes go to all of them, too."""
    develop(cli, SYNC.replace("}", ", initial_sync: true}"), more="    scale: 2\n")
    watching = watch()
    for number in (1, 2):
        watching.until(lambda n=number: watching.content("/app/src/a.txt", n) == "one", "the first text")  # type: ignore[misc]
    (cli.folder / "src" / "a.txt").write_text("two\n")
    for number in (1, 2):
        watching.until(lambda n=number: watching.content("/app/src/a.txt", n) == "two", "the new text")  # type: ignore[misc]


def test_sync_and_restart_restarts_with_the_files_in(cli: Cli, watch: Callable[..., Watching]) -> None:
    """The container stays the same one."""
    develop(cli, SYNC.replace("action: sync", "action: sync+restart"))
    watching = watch()
    before = cli.ps()["api"]
    (cli.folder / "src" / "a.txt").write_text("two\n")
    watching.until(lambda: watching.said("restarted"), "a restart")
    watching.until(lambda: watching.content("/app/src/a.txt") == "two", "the new text")
    assert cli.ps()["api"]["container"] == before["container"]


def test_sync_and_exec_runs_the_command_with_the_files_in(cli: Cli, watch: Callable[..., Watching]) -> None:
    """In each container that got something; one that fails is told."""
    hook = "exec: {command: [cp, /app/src/a.txt, /copied]}"
    develop(cli, SYNC.replace("action: sync,", f"action: sync+exec, {hook},"))
    watching = watch()
    (cli.folder / "src" / "a.txt").write_text("two\n")
    watching.until(lambda: watching.content("/copied") == "two", "what the command did")
    (cli.folder / "src" / "a.txt").unlink()
    watching.until(lambda: watching.said("ended with 1"), "the failure")


def test_what_is_mounted_is_not_copied_onto_itself_and_the_command_runs_once(
    cli: Cli, watch: Callable[..., Watching]
) -> None:
    """Symptom: each copy was a change of its own, for ever."""
    hook = "exec: {command: [sh, -c, 'cat /app/src/a.txt >> /all']}"
    mounted = '    volumes: ["./src:/app/src"]\n'
    develop(cli, SYNC.replace("action: sync,", f"action: sync+exec, {hook},"), more=mounted)
    (cli.folder / "src").chmod(0o755)
    watching = watch()
    assert watching.said("src is mounted at /app/src: nothing is copied")
    (cli.folder / "src" / "a.txt").write_text("two\n")
    watching.until(lambda: watching.content("/all") == "two", "what the command did")
    time.sleep(1.0)
    assert watching.content("/all") == "two"
    assert not watching.said("synced")


@pytest.mark.xdist_group("build")  # cancelling one build can end another in the same Podman
def test_rebuild_builds_and_recreates_the_service(cli: Cli, watch: Callable[..., Watching]) -> None:
    """As `up --build SERVICE`; what was synced before is in the new container, too."""
    rules = SYNC + "        - {path: ./Containerfile, action: rebuild}\n"
    file = cli.folder / "Containerfile"
    file.write_text(f"FROM {bed.IMAGE}\nENV VERSION=1\n")
    develop(cli, rules, build="    build: {context: .}\n")
    watching = watch()
    (cli.folder / "src" / "a.txt").write_text("two\n")
    watching.until(lambda: watching.content("/app/src/a.txt") == "two", "the new text")
    file.write_text(f"FROM {bed.IMAGE}\nENV VERSION=2\n")
    watching.until(lambda: watching.said("rebuilt"), "a rebuild")
    watching.until(lambda: watching.within("sh", "-c", "echo $VERSION") == "2", "the new image")
    watching.until(lambda: watching.content("/app/src/a.txt") == "two", "what was synced")
    image = f"localhost/{cli.project}-api"
    bed.podman(watching.url, "rmi", "-f", "-i", image, f"{cli.project}-api")


def test_a_container_that_was_away_gets_what_it_missed(cli: Cli, watch: Callable[..., Watching]) -> None:
    """Stopped by hand while files change, then started again."""
    develop(cli, SYNC)
    watching = watch()
    name = f"{cli.project}_api_1"
    bed.podman(watching.url, "stop", "-t", "0", name)
    (cli.folder / "src" / "a.txt").write_text("two\n")
    (cli.folder / "src" / "b.txt").write_text("b\n")
    time.sleep(0.5)
    bed.podman(watching.url, "start", name)
    watching.until(lambda: watching.content("/app/src/a.txt") == "two", "what changed meanwhile")
    watching.until(lambda: watching.content("/app/src/b.txt") == "b", "all of it")


def test_a_container_that_is_back_is_restarted_where_its_rule_says_so(
    cli: Cli, watch: Callable[..., Watching]
) -> None:
    """It began with the old files; while it is stopped by hand nothing starts it."""
    develop(cli, SYNC.replace("action: sync", "action: sync+restart"))
    watching = watch()
    name = f"{cli.project}_api_1"
    bed.podman(watching.url, "stop", "-t", "0", name)
    (cli.folder / "src" / "a.txt").write_text("two\n")
    time.sleep(2.0)
    assert cli.ps()["api"]["state"] == "exited"
    bed.podman(watching.url, "start", name)
    watching.until(lambda: watching.said("restarted"), "a restart")
    watching.until(lambda: watching.content("/app/src/a.txt") == "two", "the new text")


def test_a_folder_that_is_replaced_is_still_watched(cli: Cli, watch: Callable[..., Watching]) -> None:
    """As a checkout of another branch does it: the folder is another one afterwards."""
    develop(cli, SYNC)
    watching = watch()
    source = cli.folder / "src"
    shutil.rmtree(source)
    source.mkdir()
    (source / "b.txt").write_text("b\n")
    watching.until(lambda: watching.content("/app/src/b.txt") == "b", "the new folder's file")
    (source / "b.txt").write_text("c\n")
    watching.until(lambda: watching.content("/app/src/b.txt") == "c", "a later change")


def test_a_file_that_becomes_a_folder_and_back_is_so_in_the_container(
    cli: Cli, watch: Callable[..., Watching]
) -> None:
    """And a link that becomes a file is no link there any more."""
    develop(cli, SYNC)
    watching = watch()
    thing = cli.folder / "src" / "thing"
    other = cli.folder / "src" / "other"
    thing.write_text("file")
    other.symlink_to("thing")
    watching.until(lambda: watching.content("/app/src/other") == "file", "a file and a link to it")
    other.unlink()
    other.write_text("no link")
    thing.unlink()
    thing.mkdir()
    (thing / "x").write_text("in a folder")
    watching.until(lambda: watching.content("/app/src/thing/x") == "in a folder", "a folder")
    watching.until(lambda: watching.content("/app/src/other") == "no link", "a file")
    shutil.rmtree(thing)
    thing.write_text("file again")
    watching.until(lambda: watching.content("/app/src/thing") == "file again", "a file again")


def test_rules_that_are_edited_count_at_once(cli: Cli, watch: Callable[..., Watching]) -> None:
    """Another target; nobody has to start it again."""
    develop(cli, SYNC)
    watching = watch()
    develop(cli, SYNC.replace("/app/src", "/other"))

    def saved_there() -> bool:
        # what is saved before the new rules count goes to the old target
        (cli.folder / "src" / "a.txt").write_text(f"{time.monotonic()}\n")
        return watching.content("/other/a.txt") != ""

    watching.until(saved_there, "the new target")


def test_files_that_go_wrong_are_told_and_the_rules_of_before_hold(
    cli: Cli, watch: Callable[..., Watching]
) -> None:
    """Symptom: not a word, and nobody knew why the new rules did not count."""
    develop(cli, SYNC)
    watching = watch()
    whole = (cli.folder / "compose.yaml").read_text()
    (cli.folder / "compose.yaml").write_text("services: [")
    watching.until(lambda: watching.said("the files are wrong"), "what is wrong")
    (cli.folder / "src" / "a.txt").write_text("two\n")
    watching.until(lambda: watching.content("/app/src/a.txt") == "two", "the new text")
    (cli.folder / "compose.yaml").write_text(whole.replace("/app/src", "../.."))
    watching.until(lambda: watching.said("leads out"), "the rule that is wrong")


def test_up_watch_shows_logs_and_syncs(cli: Cli, watch: Callable[..., Watching]) -> None:
    """One command for both."""
    develop(cli, SYNC)
    watching = watch("up", "--watch")
    (cli.folder / "src" / "a.txt").write_text("two\n")
    watching.until(lambda: watching.content("/app/src/a.txt") == "two", "the new text")


def test_nothing_to_watch_says_what_to_write(cli: Cli) -> None:
    """Rather than waiting for ever."""
    cli.write(SERVICE)
    done = cli("watch", "--no-up")
    assert (done.returncode, "develop" in done.stderr) == (1, True)
