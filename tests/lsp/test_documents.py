"""Documents: diagnostics on open, change and save, without an engine."""

from pathlib import Path
from typing import Any

from lsprotocol import types
from tests.lsp.editor import Editor

GOOD = "services:\n  web:\n    image: x\n"
BAD = "services:\n  web:\n    image: x\n    prots: []\n"


async def test_opening_a_wrong_file_shows_the_problem_at_its_line(editor: Editor, tmp_path: Path) -> None:
    """The unknown key is marked, and the nearest one named."""
    file = tmp_path / "compose.yaml"
    file.write_text(BAD)
    await editor.open(tmp_path)
    editor.open_document(file)
    (problem,) = await editor.until(lambda: editor.diagnostics.get(file.as_uri()), "a diagnostic")
    assert (problem.range.start.line, problem.range.start.character) == (3, 4)
    assert problem.code == "unknown_key"
    assert "ports" in problem.message


async def test_typing_shows_and_clears_problems_without_saving(editor: Editor, tmp_path: Path) -> None:
    """The text in the editor counts, not the one on disk."""
    file = tmp_path / "compose.yaml"
    file.write_text(GOOD)
    await editor.open(tmp_path)
    editor.open_document(file)
    await editor.until(lambda: file.as_uri() in editor.diagnostics, "an answer for the open file")
    assert editor.diagnostics[file.as_uri()] == []
    editor.type_document(file, BAD, 2)
    await editor.until(lambda: editor.diagnostics[file.as_uri()], "the problem")
    editor.type_document(file, GOOD, 3)
    await editor.until(lambda: not editor.diagnostics[file.as_uri()], "the problem gone")


async def test_text_that_is_no_yaml_is_one_positioned_problem(editor: Editor, tmp_path: Path) -> None:
    """Half-typed text never breaks the server."""
    file = tmp_path / "compose.yaml"
    file.write_text(GOOD)
    await editor.open(tmp_path)
    editor.open_document(file)
    for version, text in enumerate(["services:\n  web: [", "services:\n\tweb:\n", "{", "\x00", ""], start=2):
        editor.type_document(file, text, version)
    editor.type_document(file, "services:\n  web: [\n", 9)

    def problem() -> Any:
        found = editor.diagnostics.get(file.as_uri())
        return found if found and found[0].code == "invalid_yaml" else None

    found = await editor.until(problem, "invalid YAML")
    assert len(found) == 1


async def test_an_overlay_is_checked_with_its_base(editor: Editor, tmp_path: Path) -> None:
    """A file of an environment is no stack of its own: its missing image stands in the base."""
    (tmp_path / "compose.yaml").write_text(GOOD)
    folder = tmp_path / "environments" / "staging"
    folder.mkdir(parents=True)
    overlay = folder / "compose.yaml"
    overlay.write_text("services:\n  web:\n    restart: always\n    depends_on: [nowhere]\n")
    (folder / "environment.yaml").write_text("compose_files: [../../compose.yaml, compose.yaml]\n")
    await editor.open(tmp_path)
    editor.open_document(overlay)
    (problem,) = await editor.until(lambda: editor.diagnostics.get(overlay.as_uri()), "a diagnostic")
    assert "nowhere" in problem.message
    assert problem.range.start.line == 3


async def test_an_environment_file_is_checked_as_it_is_typed(editor: Editor, tmp_path: Path) -> None:
    """An unknown key at its place, with the nearest one; then what it extends."""
    (tmp_path / "compose.yaml").write_text(GOOD)
    file = tmp_path / "environments" / "staging" / "environment.yaml"
    file.parent.mkdir(parents=True)
    right = "compose_files: [../../compose.yaml]\n"
    file.write_text(right)
    await editor.open(tmp_path)
    editor.open_document(file)
    await editor.until(lambda: file.as_uri() in editor.diagnostics, "an answer for the open file")
    assert editor.diagnostics[file.as_uri()] == []
    editor.type_document(file, f"{right}profile: [x]\n", 2)
    (problem,) = await editor.until(lambda: editor.diagnostics[file.as_uri()], "the problem")
    assert (problem.code, problem.range.start.line) == ("unknown_key", 1)
    assert "profiles" in problem.message
    editor.type_document(file, f"{right}extends: stagin\n", 3)
    await editor.until(
        lambda: [d.code for d in editor.diagnostics[file.as_uri()]] == ["environment_unknown"], "the next one"
    )


async def test_an_included_file_is_checked_with_what_includes_it(editor: Editor, tmp_path: Path) -> None:
    """A problem that only the whole project shows stands in the file that is open."""
    (tmp_path / "compose.yaml").write_text("include: [part.yaml]\nservices: {web: {image: x}}\n")
    part = tmp_path / "part.yaml"
    part.write_text("services:\n  part:\n    image: x\n    depends_on: [web]\n")
    await editor.open(tmp_path)
    editor.open_document(tmp_path / "compose.yaml")
    await editor.until(lambda: (tmp_path / "compose.yaml").as_uri() in editor.diagnostics, "the first check")
    editor.open_document(part)
    editor.type_document(part, part.read_text().replace("[web]", "[wep]"), 2)
    (problem,) = await editor.until(lambda: editor.diagnostics.get(part.as_uri()), "the problem")
    assert problem.code == "undefined_reference"


async def test_a_file_changed_outside_is_checked_again(editor: Editor, tmp_path: Path) -> None:
    """A git checkout that breaks the open file's base is noticed."""
    base = tmp_path / "compose.yaml"
    base.write_text(GOOD)
    await editor.open(tmp_path)
    editor.open_document(base)
    await editor.until(lambda: base.as_uri() in editor.diagnostics, "an answer")
    override = tmp_path / "compose.override.yaml"
    override.write_text("services:\n  web:\n    portss: []\n")
    change = types.FileEvent(uri=override.as_uri(), type=types.FileChangeType.Created)
    editor.workspace_did_change_watched_files(types.DidChangeWatchedFilesParams(changes=[change]))
    (problem,) = await editor.until(lambda: editor.diagnostics.get(override.as_uri()), "a diagnostic")
    assert problem.code == "unknown_key"


async def test_positions_count_utf16_units(editor: Editor, tmp_path: Path) -> None:
    """Emoji before a problem count two, as LSP wants."""
    file = tmp_path / "compose.yaml"
    file.write_text('services:\n  web: {image: "🦭🦭", prots: []}\n')
    await editor.open(tmp_path)
    editor.open_document(file)
    (problem,) = await editor.until(lambda: editor.diagnostics.get(file.as_uri()), "a diagnostic")
    assert problem.range.start.character == len('  web: {image: "') + 4 + len('", ')


async def test_commands_say_why_the_engine_does_not_answer(editor: Editor, tmp_path: Path) -> None:
    """One coded problem with a remedy, no traceback."""
    (tmp_path / "compose.yaml").write_text(GOOD)
    await editor.open(tmp_path)
    result = await editor.command("up")
    assert result["ok"] is False
    (problem,) = result["problems"]
    assert problem["code"] == "daemon_unreachable"
    assert problem["remedy"]


async def test_an_untrusted_workspace_runs_nothing_but_is_checked(editor: Editor, tmp_path: Path) -> None:
    """Every verb is refused; diagnostics come all the same."""
    file = tmp_path / "compose.yaml"
    file.write_text(BAD)
    await editor.open(tmp_path, trusted=False)
    result = await editor.command("up")
    assert result["problems"][0]["code"] == "permission_denied"
    assert (await editor.request("podkeeper/task/list"))["tasks"] == []
    editor.open_document(file)
    await editor.until(lambda: editor.diagnostics.get(file.as_uri()), "a diagnostic")


async def test_a_broken_file_is_refused_with_its_place(editor: Editor, tmp_path: Path) -> None:
    """`up` and `validate` say where."""
    (tmp_path / "compose.yaml").write_text(BAD)
    await editor.open(tmp_path)
    up = await editor.command("up")
    assert f"{tmp_path}/compose.yaml:4:5" in up["problems"][0]["message"]
    checked = await editor.command("validate")
    assert checked["ok"] is False
    assert "prots" in checked["data"]["text"]


async def test_a_wrong_hook_is_shown_in_its_file_and_goes_when_it_is_mended(
    editor: Editor, tmp_path: Path
) -> None:
    """`podkeeper.yaml` is a part of every environment."""
    (tmp_path / "compose.yaml").write_text(GOOD)
    file = tmp_path / "podkeeper.yaml"
    file.write_text("hooks:\n  a: {on: containers.died, notify: x}\n")
    await editor.open(tmp_path)
    editor.open_document(file)
    (problem,) = await editor.until(lambda: editor.diagnostics.get(file.as_uri()), "a diagnostic")
    assert (problem.range.start.line, problem.range.start.character) == (1, 10)
    assert "no event is called `containers.died`" in problem.message
    editor.type_document(file, "hooks:\n  a: {on: container.died, notify: x}\n", 2)
    await editor.until(lambda: not editor.diagnostics[file.as_uri()], "the problem gone")


def deleted(editor: Editor, file: Path) -> None:
    """Delete a file, and tell of it as an editor does."""
    file.unlink()
    change = types.FileEvent(uri=file.as_uri(), type=types.FileChangeType.Deleted)
    editor.workspace_did_change_watched_files(types.DidChangeWatchedFilesParams(changes=[change]))


async def test_what_one_environment_finds_stays_beside_what_the_others_find(
    editor: Editor, tmp_path: Path
) -> None:
    """Symptom: an error only in development was wiped by production's empty list for the same file."""
    base = tmp_path / "compose.yaml"
    base.write_text("services:\n  web:\n    image: x\n    depends_on: [db]\n")
    (tmp_path / "compose.prod.yaml").write_text("services: {db: {image: x}}\n")
    await editor.open(tmp_path)
    editor.open_document(base)

    def problems() -> list[types.Diagnostic]:
        return editor.diagnostics.get(base.as_uri(), [])

    await editor.until(lambda: "(in development)" in "".join(d.message for d in problems()), "both answers")
    assert [(d.code, d.range.start.line) for d in problems()] == [("undefined_reference", 3)]
    editor.type_document(base, f"{base.read_text()}  other:\n    prots: []\n", 2)
    await editor.until(lambda: len(problems()) == 2, "the other problem")
    assert [(d.code, "(in development)" in d.message) for d in problems()] == [
        ("undefined_reference", True),
        ("unknown_key", False),
    ]


async def test_a_compose_file_is_checked_although_podkeeper_yaml_is_wrong(
    editor: Editor, tmp_path: Path
) -> None:
    """Symptom: nothing was shown for either, and a traceback was in the log."""
    file, own = tmp_path / "compose.yaml", tmp_path / "podkeeper.yaml"
    file.write_text(BAD)
    own.write_text("hooks: [\n")
    await editor.open(tmp_path)
    editor.open_document(file)
    (problem,) = await editor.until(lambda: editor.diagnostics.get(file.as_uri()), "what is wrong with it")
    assert problem.code == "unknown_key"
    (problem,) = await editor.until(lambda: editor.diagnostics.get(own.as_uri()), "what is wrong with hooks")
    assert problem.code == "invalid_yaml"


async def test_a_compose_file_is_checked_although_its_environment_is_wrong_and_again_when_it_is_not(
    editor: Editor, tmp_path: Path
) -> None:
    """As it stands at first, since nobody knows what belongs to it; then with all that does."""
    file = tmp_path / "compose.yaml"
    file.write_text("services:\n  web: {depends_on: [db]}\n  other: {prots: []}\n")
    environment = tmp_path / "environments" / "development" / "environment.yaml"
    environment.parent.mkdir(parents=True)
    environment.write_text("compose_file: [../../compose.yaml]\n")
    await editor.open(tmp_path)

    def codes(path: Path) -> list[Any]:
        return [d.code for d in editor.diagnostics.get(path.as_uri(), [])]

    editor.open_document(file)
    await editor.until(lambda: codes(file) == ["unknown_key"], "what is wrong with it")
    await editor.until(lambda: codes(environment) == ["unknown_key"], "what is wrong with the environment")
    editor.open_document(environment)
    editor.type_document(environment, "compose_files: [../../compose.yaml]\n", 2)
    await editor.until(lambda: "undefined_reference" in codes(file), "what is wrong with the project")
    await editor.until(lambda: codes(environment) == [], "nothing wrong with the environment")


async def test_nothing_is_wrong_any_more_in_an_environment_that_was_deleted(
    editor: Editor, tmp_path: Path
) -> None:
    """Symptom: its problems stayed until the editor was started anew."""
    base = tmp_path / "compose.yaml"
    base.write_text(GOOD)
    file = tmp_path / "environments" / "staging" / "environment.yaml"
    file.parent.mkdir(parents=True)
    file.write_text("compose_file: [../../compose.yaml]\n")
    await editor.open(tmp_path)
    editor.open_document(base)
    await editor.until(lambda: editor.diagnostics.get(file.as_uri()), "the problem")
    deleted(editor, file)
    await editor.until(lambda: not editor.diagnostics[file.as_uri()], "the problem gone")


async def test_nothing_is_wrong_any_more_in_an_overlay_that_was_deleted(
    editor: Editor, tmp_path: Path
) -> None:
    """With it goes its environment; and what is not there does not stand alone either."""
    base, overlay = tmp_path / "compose.yaml", tmp_path / "compose.prod.yaml"
    base.write_text(GOOD)
    overlay.write_text("services: {web: {prots: [], depends_on: [nowhere]}}\n")
    await editor.open(tmp_path)
    editor.open_document(base)
    await editor.until(lambda: editor.diagnostics.get(overlay.as_uri()), "the problems")
    deleted(editor, overlay)
    await editor.until(lambda: not editor.diagnostics[overlay.as_uri()], "the problems gone")


async def test_a_stack_is_not_changed_on_a_podman_that_another_folder_names(
    editor: Editor, tmp_path: Path
) -> None:
    """Two folders of one window: one is for a machine elsewhere, the other one for this machine."""
    for name, settings in (("shop", "connection: production\n"), ("blog", "")):
        environment = tmp_path / name / "environments" / "development" / "environment.yaml"
        environment.parent.mkdir(parents=True)
        environment.write_text(f"compose_files: [../../compose.yaml]\n{settings}")
        (tmp_path / name / "compose.yaml").write_text("services: {web: {image: busybox}}\n")
    await editor.open(tmp_path / "shop", tmp_path / "blog")
    refused = await editor.command("up", folder=str(tmp_path / "blog"))
    (problem,) = refused["problems"]
    assert problem["code"] == "unsupported"
    assert "'development' of blog is for the Podman of this machine" in problem["message"]
    tried = await editor.command("up", folder=str(tmp_path / "shop"))
    assert tried["problems"][0]["code"] == "daemon_unreachable"
