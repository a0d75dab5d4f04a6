"""Run a command as systemd would with SystemCallFilter= and MemoryDenyWriteExecute=.

    python confined.py CALL,CALL,... COMMAND ARGUMENT...

Any other system call fails with EPERM, and no page of memory becomes one of code.
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys

# seccomp.h of libseccomp, linux/prctl.h
ALLOW, ERRNO = 0x7FFF0000, 0x00050000
UNKNOWN = -1
PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN = 65, 1


def main() -> None:
    """Confine this process, and become the command."""
    allowed, *command = sys.argv[1:]
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) and (
        ctypes.get_errno() != errno.EINVAL  # Linux before 6.3: without it
    ):
        raise OSError(ctypes.get_errno(), "PR_SET_MDWE")
    seccomp = ctypes.CDLL("libseccomp.so.2")
    seccomp.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(seccomp.seccomp_init(ctypes.c_uint32(ERRNO | errno.EPERM)))
    for name in allowed.split(","):
        number = seccomp.seccomp_syscall_resolve_name(name.encode())
        if number != UNKNOWN:
            seccomp.seccomp_rule_add(context, ctypes.c_uint32(ALLOW), number, 0)
    if seccomp.seccomp_load(context):
        raise OSError("seccomp_load")
    os.execv(command[0], command)


main()
