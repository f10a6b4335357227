"""Become another program, under another account if asked, that is signalled when its starter dies.

    python -I -S tether.py SIGNAL PARENT UID GID COMMAND...      (UID and GID are `-` for the caller's own)

Run by path, in front of the program itself, because running Python code between fork and exec of a larger process is
not safe. Where the system has no such signal (PR_SET_PDEATHSIG is Linux's) it only becomes the program.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(death_signal: str, parent: str, uid: str, gid: str, *command: str) -> None:
    if uid != "-":
        os.setgroups([])
        os.setgid(int(gid))
        os.setuid(int(uid))
    if os.uname().sysname == "Linux":  # after setuid, which clears it
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
        if os.getppid() != int(parent):
            sys.exit("The supervisor died before this program started.")
    for number in (signal.SIGINT, signal.SIGPIPE, signal.SIGXFSZ):  # what Python, or a shell's `&`, has set to ignored
        signal.signal(number, signal.SIG_DFL)
    os.execvp(command[0], command)  # noqa: S606 - the supervisor's own command line


if __name__ == "__main__":
    main(*sys.argv[1:])
