"""Input that is hostile or broken beyond what people mistype: refused with a place, whatever it is.

Files that are hostile by what they are rather than by what they say are in `tests/fuzz`.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import pytest
from tests.fakes.memory_files import HERE, MemoryFiles

from containers.compose.incremental import Incremental
from containers.compose.loading import LoadRequest, load_project
from containers.compose.rendering import render
from containers.compose.writing import to_json, to_yaml
from containers.model.errors import ErrorCode, TranslationError
from containers.ports.files import TEXT_LIMIT_BYTES

SERVICE = "services: {a: {image: x}}\n"


def levels(count: int, first: str, following: str) -> str:
    """Anchors that each name the one before: `following` has `{it}`, `{before}` and `{number}`."""
    lines = [f"x-0: &a0 {first}"]
    lines += [following.format(it=f"a{n}", before=f"*a{n - 1}", number=n) for n in range(1, count)]
    return "\n".join([*lines, SERVICE])


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(
            levels(12, "{k: v}", "x-{number}: &{it} [" + ", ".join(["{before}"] * 9) + "]"), id="lists"
        ),
        pytest.param(
            levels(60, "{k: v}", "x-{number}: &{it} {{<<: [{before}, {before}], k{number}: {before}}}"),
            id="merge-keys",
        ),
        pytest.param(
            f"x-a: &a [{', '.join(['v'] * 3000)}]\nx-b: [{', '.join(['*a'] * 3000)}]\n{SERVICE}",
            id="quadratic",
        ),
        pytest.param(
            f"x-a: &a '{'v' * 100_000}'\nx-b: [{', '.join(['*a'] * 5000)}]\n{SERVICE}", id="long-text"
        ),
        pytest.param(
            "x-0: &a0 {k: v}\n"
            + "".join(f"x-{n}: &a{n} {{<<: *a{n - 1}, k{n}: v}}\n" for n in range(1, 500))
            + SERVICE,
            id="growing-mappings",
        ),
    ],
)
def test_alias_bombs_are_refused(errors: Any, text: str) -> None:
    """What aliases stand for counts as if it were written out, and the budget stops it early."""
    (error,) = errors(text)
    assert error.code is ErrorCode.TOO_COMPLEX
    assert error.location.range.start.line > 0


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("x-deep: " + "[" * 200_000, id="lists"),
        pytest.param("x-deep: " + "{a: " * 100_000, id="mappings"),
        pytest.param("\n".join(" " * depth + "a:" for depth in range(1000)), id="indentation"),
        pytest.param("x-deep:\n  " + "- " * 100_000 + "a", id="list-in-list"),
        pytest.param("? " * 100_000 + "a", id="keys"),
    ],
)
def test_deep_nesting_is_refused(errors: Any, text: str) -> None:
    """However it is written, long before Python's own limit."""
    (error,) = errors(text)
    assert error.code is ErrorCode.TOO_COMPLEX
    assert "nested" in error.message
    assert error.location is not None


@pytest.mark.parametrize(
    "value", ["${A:-" * 20_000, "${A:-" * 20_000 + "}" * 20_000, "${A:-" * 60 + "x" + "}" * 60]
)
def test_deeply_nested_variables_are_refused(errors: Any, value: str) -> None:
    """In a compose file as in an env file; unbalanced ones as well."""
    (error,) = errors(f"services:\n  a:\n    image: '{value}'\n")
    assert error.code is ErrorCode.INTERPOLATION_FAILED
    assert str(error.location) == "/srv/demo/compose.yaml:3:12"
    (error,) = errors({"compose.yaml": SERVICE, ".env": f"OK=1\nA={value}\n"})
    assert error.code is ErrorCode.INVALID_VALUE
    assert str(error.location) == "/srv/demo/.env:2:1"


def test_env_files_that_double_and_double_are_refused(errors: Any) -> None:
    """Sixty lines would be more text than there is memory."""
    lines = ["A0=0123456789", *(f"A{n}=${{A{m}}}${{A{m}}}" for m, n in pairwise(range(60)))]
    (error,) = errors({"compose.yaml": SERVICE, ".env": "\n".join(lines)})
    assert error.code is ErrorCode.INVALID_VALUE
    assert error.location.path.name == ".env"
    assert "longer than" in error.message


@pytest.mark.parametrize(
    ("size", "uses"), [(1_000_000, "user: '" + "$A" * 2000 + "'"), (10_000, f"command: [{'$A,' * 20_000}]")]
)
def test_long_values_that_are_used_often_are_refused(errors: Any, size: int, uses: str) -> None:
    """One value that grows too long, and many that do so together; said once."""
    (error,) = errors({"compose.yaml": f"services: {{a: {{image: x, {uses}}}}}", ".env": "A=" + "a" * size})
    assert error.code is ErrorCode.INTERPOLATION_FAILED
    assert "longer" in error.message
    assert error.location is not None


def big(line: str) -> str:
    """About 5 MB of numbered lines."""
    return "".join(line.format(number=number) for number in range(5_000_000 // (len(line) + 2)))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"services: {{a: {{image: '{'x' * 5_000_000}'}}}}", id="one-scalar"),
        pytest.param("services:\n  a:\n    image: x\n    labels:\n" + big("      k{number}: v\n"), id="keys"),
        pytest.param("services:\n" + big("  s{number}: {{image: x}}\n"), id="services"),
    ],
)
def test_huge_files_are_refused(errors: Any, text: str) -> None:
    """By their length, before they are looked at: open documents have no limit of their own."""
    assert len(text) > TEXT_LIMIT_BYTES
    (error,) = errors(text)
    assert error.code is ErrorCode.TOO_COMPLEX
    assert str(error.location) == "/srv/demo/compose.yaml:1:1"
    assert "1 MiB" in error.message


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(
            "services:\n" + "".join(f"  s{n}: {{image: x}}\n" for n in range(30_000)), id="services"
        ),
        pytest.param("x-k: {" + ", ".join(f"k{n}: v" for n in range(60_000)) + "}", id="keys"),
        pytest.param("x-k: [" + "a," * 120_000 + "]", id="items"),
        pytest.param("services: {a: {image: x, ports: [1-65535]}}", id="port-range"),
        pytest.param(
            "services:\n  base: {image: x, labels: {"
            + ", ".join(f"k{n}: v" for n in range(2000))
            + "}}\n"
            + "".join(f"  s{n}: {{extends: base}}\n" for n in range(400)),
            id="extended-often",
        ),
        pytest.param(SERVICE + "---\nservices: {a: {labels: {b: c}}}\n" * 200, id="documents"),
    ],
)
def test_projects_with_too_many_values_are_refused(errors: Any, text: str) -> None:
    """Written, or made by what is written; the first error says so."""
    assert len(text) < TEXT_LIMIT_BYTES
    error = errors(text)[0]
    assert error.code is ErrorCode.TOO_COMPLEX
    assert error.location is not None


@pytest.mark.parametrize("key", ["env_file", "label_file"])
def test_files_that_are_named_again_and_again_are_refused(errors: Any, key: str) -> None:
    """Every time counts, also where only comments are read."""
    spellings = ", ".join(f"d{n}/../e" for n in range(500))
    text = f"services: {{a: {{image: x, {key}: [{spellings}]}}}}"
    (error,) = errors({"compose.yaml": text, "e": "# " + "x" * 100_000})
    assert error.code is ErrorCode.TOO_COMPLEX
    assert error.location.path.name == "compose.yaml"


def test_includes_that_multiply_are_refused(errors: Any) -> None:
    """Each file includes the next one twice: the number of files has a limit, and so has their depth."""
    texts: dict[str, str | Exception] = {
        f"{n}.yaml": f"include: [{n + 1}.yaml, {n + 1}.yaml]\n" for n in range(40)
    }
    found = errors({**texts, "compose.yaml": f"include: [0.yaml]\n{SERVICE}"})
    assert ErrorCode.TOO_COMPLEX in {error.code for error in found}
    assert all(error.location for error in found)


def test_an_include_of_too_many_layers_is_refused(errors: Any) -> None:
    """Each is laid over all that is there already."""
    found = errors(f"include: [{{path: [{'a.yaml, ' * 101}]}}]\n{SERVICE}")
    assert [error.code for error in found] == [ErrorCode.TOO_COMPLEX]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("services:\n" + "  s: {image: x}\n" * 2000, id="duplicate-keys"),
        pytest.param(
            "services:\n  a:\n    image: x\n" + "".join(f"    imagee{n}: x\n" for n in range(2000)),
            id="unknown",
        ),
        pytest.param("services:\n" + "".join(f"  {n}: {{image: x}}\n" for n in range(2000)), id="numbers"),
        pytest.param(
            "services:\n" + "".join(f"  s{n}: {{image: x, networks: [n{n}]}}\n" for n in range(2000)),
            id="undefined",
        ),
        pytest.param(
            "services:\n"
            + "".join(
                f"  s{n}: {{image: x, depends_on: [{', '.join(f's{m}' for m in range(60) if m != n)}]}}\n"
                for n in range(60)
            ),
            id="circles",
        ),
    ],
)
def test_mistakes_are_listed_up_to_a_limit(errors: Any, text: str) -> None:
    """The last one says that there are more; each has its place."""
    found = errors(text)
    assert len(found) == 501
    assert "more than 500 errors" in found[-1].message
    assert all(error.location for error in found)


def test_warnings_do_not_crowd_out_errors(load: Any) -> None:
    """They have a limit of their own."""
    services = "".join(f"  s{n}: {{image: 'x$V{n}'}}\n" for n in range(1000))
    result = load(f"services:\n{services}  broken: {{imag: x}}\n")
    assert [d.code for d in result.diagnostics if d.severity == "error"] == [ErrorCode.UNKNOWN_KEY]
    assert sum(d.severity == "warning" for d in result.diagnostics) == 501


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (f"scale: {'9' * 5000}", ErrorCode.INVALID_TYPE),
        (f"cpus: {'9' * 100_000}", ErrorCode.INVALID_TYPE),
        (f"scale: '{'9' * 5000}'", ErrorCode.INVALID_TYPE),
        ("cpus: .inf", ErrorCode.INVALID_TYPE),
        ("scale: .nan", ErrorCode.INVALID_TYPE),
        ("ports: [.inf]", ErrorCode.INVALID_TYPE),
        (f"ports: ['{'9' * 5000}']", ErrorCode.INVALID_VALUE),
        (f"ports: ['{'9' * 5000}-{'9' * 5001}:80']", ErrorCode.INVALID_VALUE),
        (f"mem_limit: {'9' * 400}g", ErrorCode.INVALID_VALUE),
        (f"stop_grace_period: {'9' * 5000}s", ErrorCode.INVALID_VALUE),
        (f"stop_grace_period: {'9' * 400}.5h", ErrorCode.INVALID_VALUE),
    ],
)
def test_numbers_beyond_measure_are_refused(errors: Any, line: str, code: ErrorCode) -> None:
    """Python has a limit for digits, and floating point one for size: neither is met."""
    found = errors(f"services:\n  a:\n    image: x\n    {line}\n")
    assert all(len(error.message) < 1100 for error in found)
    assert {error.code for error in found} == {code}
    assert {error.location.range.start.line for error in found} == {3}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("services:\n  a:\n    image: x\0\n", 2),
        ("services:\n  a:\n    image: 'x\a'\n", 2),
        ("services:\n  a:\n    image: \x1b[31mx\n", 2),
        ("services:\n  a:\n\timage: x\n", 2),
        ("services:\n  a:\n    image: x\n  \tb: 1\n", 3),
        ('services:\n  a:\n    image: "x\\ud800"\n', 2),
        ("services:\n  a:\n    image: \ud800\n", 0),
    ],
)
def test_characters_that_yaml_forbids_are_refused(errors: Any, text: str, line: int) -> None:
    """NUL, control characters, tabs for indentation, halves of surrogate pairs."""
    (error,) = errors(text)
    assert error.code is ErrorCode.INVALID_YAML
    assert error.location.range.start.line == line
    assert error.hint or "Unicode" in error.message


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_line_end_is_one(resolve: Any, errors: Any, end: str) -> None:
    """Lines are counted alike, with a byte-order mark before them or without."""
    text = "services:\n  a:\n    image: x\n".replace("\n", end)
    assert resolve("\ufeff" + text).services["a"].image == "x"
    (error,) = errors(f"{text}    bogus: 1{end}")
    assert str(error.location) == "/srv/demo/compose.yaml:4:5"


@pytest.mark.parametrize(
    ("mistake", "code"),
    [
        (FileNotFoundError("gone"), ErrorCode.FILE_NOT_FOUND),
        (IsADirectoryError("a folder"), ErrorCode.FILE_UNREADABLE),
        (PermissionError("closed"), ErrorCode.FILE_UNREADABLE),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"), ErrorCode.FILE_UNREADABLE),
        (OSError(40, "Too many levels of symbolic links"), ErrorCode.FILE_UNREADABLE),
        (OSError(27, "File too large"), ErrorCode.TOO_COMPLEX),
        (ValueError("embedded null byte"), ErrorCode.FILE_UNREADABLE),
    ],
)
@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("services: {a: {image: x, env_file: [bad]}}", 37),
        ("services: {a: {image: x, label_file: [bad]}}", 39),
        ("services: {a: {extends: {file: bad, service: a}}}", 46),
        ("include: [bad]\nservices: {a: {image: x}}", 11),
        ("include: [{path: good.yaml, env_file: bad}]\nservices: {a: {image: x}}", 11),
    ],
)
def test_a_file_that_cannot_be_read_is_placed_where_it_is_named(
    errors: Any, text: str, column: int, mistake: Exception, code: ErrorCode
) -> None:
    """Whatever keeps it from being read, also one that vanishes after it was found."""
    found = errors({"compose.yaml": text, "good.yaml": SERVICE, "bad": mistake})
    assert found[0].code is code
    assert str(found[0].location) == f"/srv/demo/compose.yaml:1:{column}"


@pytest.mark.parametrize("mistake", [UnicodeDecodeError("utf-8", b"\xff", 0, 1, "x"), OSError(40, "loop")])
def test_a_compose_file_that_cannot_be_read_has_a_place_of_its_own(errors: Any, mistake: Exception) -> None:
    """Its beginning, so that an editor shows the error in it."""
    (error,) = errors({"compose.yaml": mistake})
    assert error.code is ErrorCode.FILE_UNREADABLE
    assert str(error.location) == "/srv/demo/compose.yaml:1:1"


def test_a_compose_file_that_vanishes_before_it_is_read_is_not_found(errors: Any) -> None:
    """It was there when the folder was listed."""
    (error,) = errors({"compose.yaml": FileNotFoundError("compose.yaml")})
    assert error.code is ErrorCode.FILE_NOT_FOUND
    assert "compose.yaml" in error.message


CIRCLES: dict[str, Mapping[str, str]] = {
    "extends itself": {"compose.yaml": "services: {a: {extends: a}}"},
    "extends": {"compose.yaml": "services: {a: {extends: b}, b: {extends: c}, c: {extends: a}}"},
    "extends over files": {
        "compose.yaml": "services: {a: {extends: {file: b.yaml, service: a}}}",
        "b.yaml": "services: {a: {extends: {file: compose.yaml, service: a}}}",
    },
    "includes itself": {"compose.yaml": f"include: [compose.yaml]\n{SERVICE}"},
    "includes": {"compose.yaml": f"include: [b.yaml]\n{SERVICE}", "b.yaml": "include: [./compose.yaml]"},
    "depends on itself": {"compose.yaml": "services: {a: {image: x, depends_on: [a]}}"},
    "depends on": {
        "compose.yaml": "services: {a: {image: x, depends_on: [b]}, b: {image: x, depends_on: {a: "
        "{condition: service_healthy}}}}"
    },
    "shares": {
        "compose.yaml": "services: {a: {image: x, ipc: 'service:b'}, b: {image: x, pid: 'service:a'}}"
    },
    "links": {"compose.yaml": "services: {a: {image: x, links: [b]}, b: {image: x, volumes_from: [a]}}"},
}


@pytest.mark.parametrize("texts", CIRCLES.values(), ids=CIRCLES.keys())
def test_every_kind_of_circle_is_found(errors: Any, texts: Mapping[str, str]) -> None:
    """Each has a place, and names who takes part."""
    found = [error for error in errors(texts) if error.code is ErrorCode.DEPENDENCY_CYCLE]
    assert found
    assert all(error.location and " -> " in error.message for error in found)


@pytest.mark.parametrize(
    "text", ["services: &s {a: {image: x, labels: *s}}", "x-a: &a [*a]", "x-a: &a {b: {<<: *a}}"]
)
def test_an_anchor_that_contains_itself_is_refused(errors: Any, text: str) -> None:
    """Through values, items and merge keys."""
    (error,) = errors(text)
    assert error.code is ErrorCode.TOO_COMPLEX
    assert "contains it" in error.message


def test_includes_may_lead_out_of_the_project(resolve: Any) -> None:
    """As with docker compose; their own paths begin where they are."""
    texts = {
        "compose.yaml": "include: [../other/compose.yaml]\nservices: {a: {image: x}}",
        "/srv/other/compose.yaml": "services: {b: {image: x, volumes: ['./data:/data']}}",
    }
    project = resolve(texts)
    assert project.services["b"].volumes[0].source == "/srv/other/data"


@pytest.mark.parametrize(
    "remote",
    [
        "https://example.com/compose.yaml",
        "oci://docker.io/acme/stack:1",
        "git@github.com:acme/stack.git",
        "https://github.com/acme/stack.git#main:deploy",
        "ssh://git@example.com/stack.git",
    ],
)
def test_remote_files_are_refused_with_what_to_do_instead(errors: Any, remote: str) -> None:
    """Nothing is fetched behind a person's back; the path is not taken for one on this machine."""
    for text in (f"include: ['{remote}']\n", f"include: [{{path: ['{remote}']}}]\n"):
        error = errors(text + SERVICE)[0]
        assert error.code is ErrorCode.UNSUPPORTED
        assert str(error.location) == "/srv/demo/compose.yaml:1:11"
        assert remote in error.message
        assert "include the copy" in error.hint
    (error,) = errors(f"services:\n  a:\n    extends:\n      service: a\n      file: '{remote}'\n")
    assert (error.code, error.service) == (ErrorCode.UNSUPPORTED, "a")
    assert "extend the copy" in error.hint


@pytest.mark.parametrize(
    "line",
    [
        "volumes: ['${V}']",
        "ports: ['${V}']",
        "networks: ['${V}']",
        "env_file: ${V}",
        "command: ${V}",
        "build: ${V}",
        "extra_hosts: ['${V}']",
    ],
)
def test_variables_may_stand_for_any_text_when_they_are_left_as_written(load: Any, line: str) -> None:
    """Symptom: `config --no-interpolate` ended with a traceback; nobody looked at what was no mapping yet."""
    result = load(f"services:\n  a:\n    image: x\n    {line}\n", as_written=True)
    assert not result.diagnostics
    assert "${V}" in to_yaml(result.document)


@pytest.mark.parametrize(
    "line",
    [
        "deploy: ${V}",
        "healthcheck: ${V}",
        "ulimits: ${V}",
        "blkio_config: ${V}",
        "devices: ${V}",
        "depends_on: {b: '${V}'}",
    ],
)
def test_variables_never_stand_for_mappings_and_lists(errors: Any, line: str) -> None:
    """What they hold is text: so it is wrong whether they are filled in or not, and is said alike."""
    text = f"services:\n  a:\n    image: x\n    {line}\n  b: {{image: x}}\n"
    for as_written in (False, True):
        found = errors(text, as_written=as_written, environment={"V": "v"})
        assert [error.code for error in found] == [ErrorCode.INVALID_TYPE]


@pytest.mark.parametrize("section", ["networks", "volumes", "secrets", "configs", "models", "services"])
@pytest.mark.parametrize("value", ["true", "7", "[a]", "[[a]]", "text"])
def test_a_section_of_the_wrong_kind_is_refused(errors: Any, section: str, value: str) -> None:
    """Symptom: `models: true` beside a service with `models: [m]` ended with a traceback."""
    text = f"services: {{a: {{image: x, {'' if section == 'services' else section}: [m]}}}}\n"
    found = errors(f"{text if section != 'services' else ''}{section}: {value}\n")
    assert found[0].code is ErrorCode.INVALID_TYPE
    assert found[0].location is not None


def test_variables_that_are_no_utf8_can_be_shown(resolve: Any) -> None:
    """Python holds such bytes as halves of surrogate pairs, which neither YAML nor a terminal takes."""
    project = resolve("services: {a: {image: x, environment: {A: '$V'}}}", environment={"V": "caf\udce9"})
    assert project.services["a"].environment == {"A": "caf\udce9"}
    assert "A: caf\ufffd" in to_yaml(project.document)
    assert '"A": "caf\\udce9"' in to_json(project.document)


def test_json_is_yaml(resolve: Any) -> None:
    """Symptom: podman-compose reads our JSON as YAML, which forbids DEL and breaks lines at NEL."""
    text = "\x7f\x85\u2028\ufeff"
    project = resolve("services: {a: {image: x, environment: {A: '$V'}}}", environment={"V": text})
    assert resolve(to_json(project.document)).services["a"].environment == {"A": text}


@pytest.mark.parametrize("published", ["abc", "-1", "1-x", "90-80", "70000", "9" * 5000, "80-70000"])
def test_published_ports_that_are_none_are_refused_before_anything_is_made(
    resolve: Any, published: str
) -> None:
    """Symptom: a traceback when the file for podman-compose was written; loading takes any text."""
    text = f"services: {{a: {{image: x, ports: [{{target: 80, published: '{published}'}}]}}}}"
    with pytest.raises(TranslationError, match="no port of the host") as caught:
        render(resolve(text), {}, (5, 4))
    assert (caught.value.code, caught.value.service) == (ErrorCode.INVALID_VALUE, "a")


@pytest.mark.parametrize("end", ["\n", "\x85", "\u2028", "\u2029"])
def test_an_edit_that_breaks_a_line_moves_what_is_below_it(end: str) -> None:
    """YAML knows more ends of lines than the ones that editors write; places below stay right."""
    text = "services:\n  a:\n    image: x\n    labels: [a, b]\n  b:\n    image: y\n"
    request = LoadRequest(working_dir=HERE)
    again = Incremental()
    again.load(request, MemoryFiles({"compose.yaml": text}))
    edited = MemoryFiles({"compose.yaml": text.replace("a, b", f"a,{end} b")})
    assert dict(again.load(request, edited).locations) == dict(load_project(request, edited).locations)
