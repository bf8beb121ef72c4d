"""What a process with many threads keeps of the memory that it had for a moment."""

import subprocess
import sys

HEAPS = """
import ctypes, sys, threading
from containers.adapters.malloc import tame_malloc
if sys.argv[1] == "tamed":
    tame_malloc()
libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
begin = threading.Barrier(12)
def work():
    begin.wait()
    for _ in range(2000):
        bytes(20_000)
threads = [threading.Thread(target=work) for _ in range(12)]
for thread in threads: thread.start()
for thread in threads: thread.join()
file = libc.fopen(b"/dev/stdout", b"w")
libc.malloc_info(0, ctypes.c_void_p(file))
libc.fclose(ctypes.c_void_p(file))
"""


def heaps(how: str) -> int:
    """How many heaps glibc has after twelve threads have used memory."""
    done = subprocess.run([sys.executable, "-c", HEAPS, how], check=True, capture_output=True, text=True)
    return done.stdout.count("<heap nr=")


def test_threads_share_two_heaps() -> None:
    """Of their own they would have up to eight for each processor."""
    assert heaps("as it is") > 2
    assert heaps("tamed") == 2
