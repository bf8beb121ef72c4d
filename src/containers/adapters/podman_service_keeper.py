"""A program, not a module to import: becomes a command that ends when the process that wants it does.

Run as `python -I -S podman_service_keeper.py PARENT_PID COMMAND...`. It asks the kernel for SIGTERM at the
parent's death (`PR_SET_PDEATHSIG`, which survives exec), and then becomes the command. Doing so in a process
of its own, instead of in a `preexec_fn`, keeps Python code out of the time between fork and exec, where it
can deadlock in a program with threads.

The signal is sent when the *thread* that forked ends, so the parent starts it from its event loop's thread.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Tie this process to its parent, then become the command."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0) != 0:
        sys.exit(f"prctl: {os.strerror(ctypes.get_errno())}")
    if os.getppid() != parent:  # it died before we could ask
        sys.exit(0)
    os.execvp(command[0], command)  # noqa: S606  (no shell is the point)


if __name__ == "__main__":
    main()
