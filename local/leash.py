"""Starts a program that cannot outlive its parent: `python leash.py <parent pid> <program> …`.

Runs under whichever interpreter the child needs, hence standard library only. On Linux the kernel
sends SIGTERM when the parent dies, however it dies; elsewhere only a clean stop ends the children.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Become the program named on the command line."""
    parent, program = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit("the parent is already gone")
    os.execv(program[0], program)  # noqa: S606 - the whole purpose


if __name__ == "__main__":
    main()
