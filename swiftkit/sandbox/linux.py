"""System calls that Python has no function for, by ctypes, and their numbers.

The numbers differ between machines, and a filter with wrong numbers lets through what it should
stop: a machine without a table here is refused (UnknownMachineError). x86_64 was run; aarch64 has
its numbers from the kernel's headers and was not.
"""

import ctypes
import functools
import os
import platform

# name/x86_64/aarch64; "-": aarch64 has another call for it (open: openat)
FILES = (
    "read/0/63 write/1/64 readv/19/65 writev/20/66 pread64/17/67 pwrite64/18/68 preadv/295/69 "
    "pwritev/296/70 lseek/8/62 close/3/57 close_range/436/436 dup/32/23 dup2/33/- dup3/292/24 "
    "pipe/22/- pipe2/293/59 poll/7/- ppoll/271/73 select/23/- pselect6/270/72 epoll_create/213/- "
    "epoll_create1/291/20 epoll_ctl/233/21 epoll_wait/232/- epoll_pwait/281/22 eventfd2/290/19 "
    "fsync/74/82 fdatasync/75/83 ftruncate/77/46 fstat/5/80 fstatfs/138/44 getdents64/217/61 "
    "sendfile/40/71 copy_file_range/326/285 fadvise64/221/223 fallocate/285/47 fchdir/81/50 "
    "recvfrom/45/207 sendmsg/46/211 recvmsg/47/212 shutdown/48/210 getsockopt/55/209 "
    "getsockname/51/204 getpeername/52/205"
)
MEMORY = "mmap/9/222 munmap/11/215 mremap/25/216 mprotect/10/226 madvise/28/233 brk/12/214"
PROCESS = (
    "rt_sigaction/13/134 rt_sigprocmask/14/135 rt_sigreturn/15/139 rt_sigpending/127/136 "
    "rt_sigtimedwait/128/137 rt_sigsuspend/130/133 sigaltstack/131/132 pause/34/- alarm/37/- "
    "setitimer/38/103 getitimer/36/102 futex/202/98 set_robust_list/273/99 get_robust_list/274/100 "
    "rseq/334/293 set_tid_address/218/96 membarrier/324/283 sched_yield/24/124 "
    "sched_getaffinity/204/123 getpid/39/172 getppid/110/173 gettid/186/178 getuid/102/174 "
    "geteuid/107/175 getgid/104/176 getegid/108/177 getresuid/118/148 getresgid/120/150 "
    "getgroups/115/158 getpgrp/111/- getpgid/121/155 getsid/124/156 umask/95/166 uname/63/160 "
    "sysinfo/99/179 getrandom/318/278 getrlimit/97/163 getcpu/309/168 getrusage/98/165 "
    "wait4/61/260 waitid/247/95 exit/60/93 exit_group/231/94 restart_syscall/219/128"
)
CLOCKS = (
    "nanosleep/35/101 clock_nanosleep/230/115 clock_gettime/228/113 clock_getres/229/114 "
    "gettimeofday/96/169 time/201/- times/100/153 timer_create/222/107 timer_settime/223/110 "
    "timer_gettime/224/108 timer_getoverrun/225/109 timer_delete/226/111"
)
PATHS = (
    "open/2/- openat/257/56 creat/85/- stat/4/- lstat/6/- statx/332/291 access/21/- "
    "faccessat/269/48 faccessat2/439/439 readlink/89/- readlinkat/267/78 getcwd/79/17 chdir/80/49 "
    "mkdir/83/- mkdirat/258/34 rmdir/84/- unlink/87/- unlinkat/263/35 rename/82/- renameat/264/38 "
    "renameat2/316/276 statfs/137/43"
)
# Landlock does not govern these: only where nothing but the scratch folder can be written.
MODES = "chmod/90/- fchmod/91/52 fchmodat/268/53 utimensat/280/88 truncate/76/45"
OTHERS = (
    "kill/62/129 tgkill/234/131 clone/56/220 clone3/435/435 socketpair/53/199 sendto/44/206 "
    "fcntl/72/25 ioctl/16/29 prlimit64/302/261 newfstatat/262/79 capset/126/91 pivot_root/155/41 "
    "seccomp/317/277 mount_setattr/442/442 landlock_create_ruleset/444/444 "
    "landlock_add_rule/445/445 landlock_restrict_self/446/446"
)
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}  # AUDIT_ARCH_* of linux/audit.h

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS = 1, 4, 38
_CAPABILITIES_3 = 0x20080522  # _LINUX_CAPABILITY_VERSION_3
_LIBRARY = ctypes.CDLL(None, use_errno=True)
_LIBRARY.syscall.restype = ctypes.c_long


class UnknownMachineError(OSError):
    """There is no table of system calls for this machine."""


def architecture() -> str:
    """Return x86_64 or aarch64. Raises UnknownMachineError."""
    machine = platform.machine()
    is_64_bit = ctypes.sizeof(ctypes.c_void_p) == 8
    if os.uname().sysname != "Linux" or machine not in ARCHITECTURES or not is_64_bit:
        raise UnknownMachineError(f"no table of system calls for {os.uname().sysname} on {machine}")
    return machine


@functools.cache
def numbers(group: str) -> dict[str, int]:
    """Return the calls of a group that this machine has, by name. Raises UnknownMachineError."""
    column = 1 + list(ARCHITECTURES).index(architecture())
    found = {}
    for word in group.split():
        fields = word.split("/")
        if fields[column] != "-":
            found[fields[0]] = int(fields[column])
    return found


def system_call(name: str, *arguments: object) -> int:
    """Make a call of OTHERS or FILES by its number. Raises OSError with the call's name."""
    number = numbers(f"{OTHERS} {FILES}")[name]
    # ctypes hands a Python int over as a C int, which would cut a 64-bit argument
    wide = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    return _checked(name, _LIBRARY.syscall(ctypes.c_long(number), *wide))


def library_call(name: str, *arguments: object) -> int:
    """Call a function of the C library that returns -1 for an error. Raises OSError."""
    wide = [ctypes.c_ulong(a) if isinstance(a, int) else a for a in arguments]
    return _checked(name, getattr(_LIBRARY, name)(*wide))


def _checked(name: str, result: int) -> int:
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{name}: {os.strerror(error)}")
    return result


def prctl(option: int, value: int) -> None:
    library_call("prctl", option, value, 0, 0, 0)


def drop_capabilities() -> None:
    """Give up every capability; a process that is not root has none, and loses nothing."""
    header = (ctypes.c_uint32 * 2)(_CAPABILITIES_3, 0)
    system_call("capset", header, (ctypes.c_uint32 * 6)())


def close_from(first: int) -> None:
    """Close every descriptor from `first` on, however high their numbers are."""
    try:
        system_call("close_range", first, 0xFFFFFFFF, 0)
    except OSError:  # a kernel before 5.9, or no Linux
        os.closerange(first, min(os.sysconf("SC_OPEN_MAX"), 1 << 20))
