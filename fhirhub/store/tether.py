"""Run a program that ends when its parent ends: `python -I -S tether.py PARENT_PID PROGRAM ARGUMENT...`.

The kernel ties the signal to the parent's *thread*, so that thread has to live as long as the program shall.
It is a program of its own because running Python between fork and exec is unsafe in a process that has threads.
Where the platform has no such signal (anything but Linux) the program runs untethered.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Ask for SIGTERM at the parent's death, then become the program. Does not return."""
    parent, program = int(arguments[0]), arguments[1]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    # A parent that died before the line above sends no signal any more.
    if os.getppid() != parent:
        sys.exit("the process that wanted this program has ended")
    os.execv(program, arguments[1:])


if __name__ == "__main__":
    main(sys.argv[1:])
