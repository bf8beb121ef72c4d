"""Frames of bytes in, lines of text out."""

from hypothesis import given
from hypothesis import strategies as st

from containers.adapters.podman_log_stream import LogDecoder


def frame(stream: int, content: bytes) -> bytes:
    """One frame as Podman writes it."""
    return bytes([stream, 0, 0, 0]) + len(content).to_bytes(4, "big") + content


def decode(*chunks: bytes, stamped: bool = False) -> list[str]:
    """Every line of a stream that arrived in these chunks."""
    decoder = LogDecoder(stamped=stamped)
    lines = [line for chunk in chunks for line in decoder.feed(chunk)]
    return [*lines, *decoder.finish()]


def test_a_line_of_one_stream_is_not_torn_by_the_other() -> None:
    """Each stream has its own unfinished line."""
    assert decode(frame(1, b"begin "), frame(2, b"oops\n"), frame(1, b"end\n")) == ["oops", "begin end"]


def test_what_was_not_ended_is_told_at_the_end() -> None:
    """A program need not write a last newline."""
    assert decode(frame(1, b"a\nb")) == ["a", "b"]


def test_a_line_that_was_written_in_pieces_has_the_time_of_its_beginning_alone() -> None:
    """Symptom: times amid a line of `logs --timestamps`. Podman frames each piece, with its time."""
    pieces = (
        frame(1, b"2026-01-01T00:00:00Z 10 %"),
        frame(2, b"2026-01-01T00:00:01Z oops\n"),
        frame(1, b"2026-01-01T00:00:02Z  20 %\n"),
        frame(1, b"2026-01-01T00:00:03Z done\n"),
    )
    lines = ["2026-01-01T00:00:01Z oops", "2026-01-01T00:00:00Z 10 % 20 %", "2026-01-01T00:00:03Z done"]
    assert decode(*pieces, stamped=True) == lines


def test_bytes_that_are_no_text_are_replaced() -> None:
    """A binary on the console must not end the stream."""
    assert decode(frame(1, b"\xff\xfebin\n"), frame(1, b"next\n")) == ["\ufffd\ufffdbin", "next"]


def test_a_terminals_line_ends_are_taken_off() -> None:
    """With a terminal lines end in CR LF."""
    assert decode(frame(1, b"tty\r\n")) == ["tty"]


def test_a_stream_without_frames_is_read_as_it_is() -> None:
    """Some versions send a terminal's output bare."""
    assert decode(b"plain text\nmore\n") == ["plain text", "more"]
    assert decode(b"short") == ["short"]


def test_a_line_without_an_end_is_cut() -> None:
    """Memory is bounded, whatever a program writes."""
    lines = decode(*[frame(1, b"x" * 10_000) for _ in range(20)])
    assert sum(map(len, lines)) == 200_000
    assert max(map(len, lines)) <= 64 * 1024


@given(
    st.lists(st.tuples(st.sampled_from([1, 2]), st.binary(max_size=20)), max_size=8),
    st.lists(st.integers(min_value=1, max_value=9), min_size=1, max_size=50),
)
def test_lines_do_not_depend_on_how_bytes_arrive(frames: list[tuple[int, bytes]], sizes: list[int]) -> None:
    """Any cutting of the same bytes gives the same lines."""
    data = b"".join(frame(*f) for f in frames)
    chunks: list[bytes] = []
    at = 0
    while at < len(data):
        size = sizes[len(chunks) % len(sizes)]
        chunks.append(data[at : at + size])
        at += size
    assert decode(*chunks) == decode(data)


def test_the_end_of_a_log_has_an_end_though_no_line_has() -> None:
    """What is cut and cut again is not kept for ever."""
    decoder = LogDecoder()
    list(decoder.feed(frame(1, b"one\ntwo\n")))
    assert (decoder.has_end(2), decoder.has_end(1)) == (False, True)
    list(decoder.feed(frame(1, b"x" * (17 << 20))))
    assert decoder.has_end(2)


def test_a_line_that_is_too_long_counts_once() -> None:
    """It is cut, and who asks for a log's last two lines means two that the program wrote."""
    decoder = LogDecoder()
    lines = list(decoder.feed(frame(1, b"x" * 200_000) + frame(1, b"\nnext\n")))
    assert (len(lines), decoder.ended) == (5, 2)
