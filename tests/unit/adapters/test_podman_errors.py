"""What Podman, its client libraries and its command line say, and what people read instead."""

import sys
from types import ModuleType

import pytest
import requests
import urllib3
from podman.errors import APIError, NotFound, PodmanError

from containers.adapters.podman_errors import PortConflict, cleaned, from_exception, from_text, port_conflict
from containers.model.errors import EngineError, ErrorCode

ID = "84edf452508d98fcfbcb8a3f4384ce2bee993afa4911416345371d308f454126"

SAID = [
    (
        "cannot listen on the TCP port: listen tcp4 :18098: bind: address already in use",
        ErrorCode.PORT_IN_USE,
        "port 18098 is already in use",
    ),
    (
        "rootlessport listen tcp 127.0.0.1:8080: bind: address already in use",
        ErrorCode.PORT_IN_USE,
        "port 127.0.0.1:8080 is already in use",
    ),
    (
        "cannot listen on the UDP port: listen udp4 127.0.0.1:53: bind: address already in use",
        ErrorCode.PORT_IN_USE,
        "port 127.0.0.1:53/udp is already in use",
    ),
    (
        "pasta failed with exit code 1:\nFailed to bind port 8080 (Address already in use) for option '-t'",
        ErrorCode.PORT_IN_USE,
        "port 8080 is already in use",
    ),
    (
        "rootlessport cannot expose privileged port 80, you can add 'x=80' to /etc/sysctl.conf",
        ErrorCode.START_FAILED,
        "port 80 is reserved for root",
    ),
    (
        f'Error: creating container storage: the container name "web" is already in use by {ID}. You have to',
        ErrorCode.NAME_IN_USE,
        'the name "web" is already in use',
    ),
    (
        f"renaming container {ID}: name web already in use, cannot rename container {ID}",
        ErrorCode.NAME_IN_USE,
        'the name "web" is already in use',
    ),
    ("Error: localhost/nope:1: image not known", ErrorCode.IMAGE_NOT_FOUND, "localhost/nope:1"),
    ("Error: unsupported driver weave: invalid argument", ErrorCode.UNSUPPORTED_BY_PODMAN, "driver weave"),
    ("Error: unsupported bridge network option foo", ErrorCode.UNSUPPORTED_BY_PODMAN, "option foo"),
    (
        "volume v uses volume plugin flocker: no volume plugin with name flocker available: plugin missing",
        ErrorCode.UNSUPPORTED_BY_PODMAN,
        "there is no volume driver flocker",
    ),
    ('no secret with name or id "x": no such secret', ErrorCode.SECRET_MISSING, "Podman has no secret x"),
    (
        "setting up CDI devices: unresolvable CDI devices nvidia.com/gpu=0",
        ErrorCode.UNSUPPORTED_BY_PODMAN,
        "there is no device nvidia.com/gpu=0 here",
    ),
    (
        "unable to find user ann: no matching entries in passwd file",
        ErrorCode.START_FAILED,
        "the image knows nobody called ann",
    ),
    (
        "requested static ip 10.1.2.3 not in any subnet on network demo_default",
        ErrorCode.CONFLICT,
        "requested static ip 10.1.2.3",
    ),
    ("subnet 10.9.0.0/24 is already used on the host", ErrorCode.CONFLICT, "subnet 10.9.0.0/24"),
    ("stat /dev/x: no such file or directory", ErrorCode.START_FAILED, "there is no device /dev/x"),
    (
        'workdir "/srv" does not exist on container 84edf452508d',
        ErrorCode.START_FAILED,
        'workdir "/srv" does not exist',
    ),
    (
        "initializing source docker://quay.io/nope:1: reading manifest 1 in quay.io/nope: manifest unknown",
        ErrorCode.IMAGE_NOT_FOUND,
        "quay.io/nope:1",
    ),
    (
        "initializing source docker://quay.io/a:1: reading manifest 1 in quay.io/a: unauthorized",
        ErrorCode.IMAGE_PULL_FAILED,
        "unauthorized",
    ),
    (
        "initializing source docker://x/nope:3: pinging container registry x: dial tcp: connection refused",
        ErrorCode.IMAGE_PULL_FAILED,
        "connection refused",
    ),
    (
        "Error: unable to find network with name or ID nonet: network not found",
        ErrorCode.NOT_FOUND,
        "network with name or ID nonet",
    ),
    ('no container with name or ID "nope" found: no such container', ErrorCode.NOT_FOUND, "nope"),
    (
        f"can only kill running containers. {ID} is in state exited: container state improper",
        ErrorCode.SERVICE_EXITED,
        "the container is not running",
    ),
    (f"container {ID} is not running", ErrorCode.SERVICE_EXITED, "the container is not running"),
    (
        "writing blob: storing blob to file: write /var/tmp/storage1: no space left on device",
        ErrorCode.NO_SPACE,
        "is full",
    ),
    (
        "Error: unable to connect to Podman socket: dial unix /nope.sock: connect: no such file or directory",
        ErrorCode.DAEMON_UNREACHABLE,
        "Podman does not answer",
    ),
    (
        "Error: unable to connect to Podman socket: dial unix /run/p.sock: connect: permission denied",
        ErrorCode.PERMISSION_DENIED,
        "may not talk to Podman's socket",
    ),
    ("Error: statfs /nonexist/a: no such file or directory", ErrorCode.START_FAILED, "/nonexist/a"),
    (
        'runc: runc create failed: exec: "nope": executable file not found in $PATH: OCI runtime error',
        ErrorCode.START_FAILED,
        'exec: "nope": executable file not found in $PATH',
    ),
    ("something nobody has seen before", ErrorCode.ENGINE_ERROR, "something nobody has seen before"),
    ("", ErrorCode.ENGINE_ERROR, "Podman gave no reason"),
]


@pytest.mark.parametrize(("said", "code", "message"), SAID)
def test_what_podman_says_becomes_a_code_and_a_sentence(said: str, code: ErrorCode, message: str) -> None:
    """Each was said by a real Podman 4 or 5, give or take its length."""
    error = from_text(said, "do it")
    assert error.code is code
    assert str(error).startswith("could not do it: ")
    assert message in str(error)


def test_errors_that_a_person_can_do_something_about_have_a_remedy() -> None:
    """All recognised ones but the two that only say what is so."""
    bare = {ErrorCode.ENGINE_ERROR, ErrorCode.NOT_FOUND, ErrorCode.SERVICE_EXITED}
    assert [said for said, code, _ in SAID if code not in bare and not from_text(said, "do it").remedy] == []


def test_the_callers_code_is_taken_where_nothing_is_recognised() -> None:
    """A start that fails for an unknown reason is a failed start."""
    assert (
        from_text("OCI runtime error", "start a", fallback=ErrorCode.START_FAILED).code
        is ErrorCode.START_FAILED
    )


def test_who_holds_a_port_is_named_when_known() -> None:
    """The holder follows the port."""
    said = "listen tcp 127.0.0.1:80: bind: address already in use"
    error = from_text(said, "start a", holder="process nginx (12)")
    assert str(error).endswith("port 127.0.0.1:80 is already in use by process nginx (12)")


def test_all_interfaces_go_without_an_address() -> None:
    """Nobody thinks of 0.0.0.0 or [::] as an address."""
    for said in ("listen tcp 0.0.0.0:80", "listen tcp [::]:80", "listen tcp4 :80"):
        assert port_conflict(f"{said}: bind: address already in use") == PortConflict("", 80, "tcp")


def test_identifiers_are_shortened_and_repetition_is_dropped() -> None:
    """64 digits help nobody."""
    said = f"Error: volume v is being used by {ID}: volume is being used"
    assert cleaned(said) == f"volume v is being used by {ID[:12]}"


def test_what_the_engine_says_is_bounded() -> None:
    """The end is kept: it holds the reason."""
    text = cleaned("x" * 5000 + "reason")
    assert len(text) < 1000
    assert text.endswith("reason")


def test_a_refusal_is_read_from_its_explanation() -> None:
    """podman-py keeps the sentence there, and only the cause in the message."""
    response = requests.Response()
    response.status_code = 404
    error = NotFound(
        "no such container", response=response, explanation='no container with name or ID "x" found'
    )
    assert from_exception(error, "inspect x").code is ErrorCode.NOT_FOUND


@pytest.mark.parametrize(
    ("cause", "code"),
    [
        (requests.ReadTimeout(), ErrorCode.TIMEOUT),
        (TimeoutError(), ErrorCode.TIMEOUT),
        (urllib3.exceptions.ReadTimeoutError(urllib3.HTTPConnectionPool("d"), "/", ""), ErrorCode.TIMEOUT),
        (requests.ConnectionError(PermissionError(13, "denied")), ErrorCode.PERMISSION_DENIED),
        (requests.ConnectionError(FileNotFoundError(2, "none")), ErrorCode.DAEMON_UNREACHABLE),
        (requests.ConnectionError(ConnectionRefusedError(111, "no")), ErrorCode.DAEMON_UNREACHABLE),
        (requests.exceptions.ChunkedEncodingError("cut"), ErrorCode.DAEMON_UNREACHABLE),
        (urllib3.exceptions.ProtocolError("cut"), ErrorCode.DAEMON_UNREACHABLE),
    ],
)
def test_a_broken_connection_is_known_by_its_cause(cause: Exception, code: ErrorCode) -> None:
    """podman-py wraps it in an APIError without a response; bare ones escape too."""
    wrapped = APIError("http://d/", explanation="GET operation failed")
    wrapped.__cause__ = cause
    assert from_exception(wrapped, "list").code is code
    assert from_exception(cause, "list").code is code


def test_an_engine_error_passes_unchanged() -> None:
    """Translating twice is harmless."""
    error = EngineError(ErrorCode.NO_SPACE, "full")
    assert from_exception(error, "list") is error


def test_podman_pys_other_root_is_known_too() -> None:
    """`PodmanError` is no requests error."""
    assert from_exception(PodmanError("odd"), "list").code is ErrorCode.ENGINE_ERROR


def test_a_library_that_another_thread_is_loading_stands_in_nobodys_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its module is known by then, and has no content yet."""
    for module in ("requests", "urllib3.exceptions", "podman.errors"):
        monkeypatch.setitem(sys.modules, module, ModuleType(module))
    assert from_exception(ConnectionError("gone"), "ask").code is ErrorCode.DAEMON_UNREACHABLE
    assert from_exception(TimeoutError("late"), "ask").code is ErrorCode.TIMEOUT
