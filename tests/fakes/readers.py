"""A reader of what is written in the background, who reads only when a test lets him."""

import threading

_LONGEST_S = 20.0
"""A test that forgot to let him read ends all the same."""


class Reader:
    """Takes what is written; while he stalls, who writes to him is stuck."""

    def __init__(self, *, stalls: bool = False) -> None:
        self._reads = threading.Event()
        self.text = ""
        self.is_gone = False
        if not stalls:
            self._reads.set()

    def write(self, data: bytes) -> None:
        """What a thread calls."""
        assert self._reads.wait(_LONGEST_S)
        if self.is_gone:
            raise BrokenPipeError
        self.text += data.decode()

    def read_on(self) -> None:
        """Stall no longer."""
        self._reads.set()

    def go(self) -> None:
        """Be gone; who was stuck learns of it."""
        self.is_gone = True
        self._reads.set()

    @property
    def lines(self) -> list[str]:
        """What he has read."""
        return self.text.splitlines()
