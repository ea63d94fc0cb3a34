"""Programs that want out, tried before a cage is used: none may succeed, and honest code must run.

A filter that was not loaded or a mount that did nothing is found here, on the machine itself.
"""

from collections.abc import Callable

HONEST = """
import re, random
def attempt(n):
    return {"squares": [i * i for i in range(n)], "text": re.sub("a", "b", "aaa")}
"""
HONEST_TEST = """
def check(candidate):
    assert candidate(3) == {"squares": [0, 1, 4], "text": "bbb"}
"""
# Each line stands for a way out; what is allowed by mistake is named.
ESCAPES = """
import ctypes, os, platform, signal, socket
libc = ctypes.CDLL(None, use_errno=True)
is_x86 = platform.machine() == "x86_64"

def file_read():
    for path in ("/etc/passwd", "/etc/hostname", "/proc/self/environ"):
        try:
            return open(path).read(1)
        except OSError:
            pass
def file_written():
    for folder in ("/var/tmp", "/dev/shm", "..", os.path.dirname(os.__file__)):
        try:
            open(folder + "/swiftkit_escape", "w").close()
            os.remove(folder + "/swiftkit_escape")
            return True
        except OSError:
            pass
def network(): return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
def unix_socket(): return socket.socket(socket.AF_UNIX)
def datagrams(): return socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
def process():
    child = libc.fork()
    if child == 0:
        libc._exit(0)
    return child > 0
def namespace(): return libc.unshare(0x10000000) == 0
def mounted(): return libc.mount(b"x", b"/tmp", b"tmpfs", 0, None) == 0
def signalled(): return os.kill(os.getppid() or 2, 0) is None
def traced(): return libc.ptrace(16, os.getppid() or 2, None, None) == 0
def life_of_its_own(): return libc.prctl(1, 0, 0, 0, 0) == 0
def kernel_keys(): return libc.syscall(250 if is_x86 else 219, 0, -3, 1) >= 0
def io_uring(): return libc.syscall(425, 4, ctypes.create_string_buffer(256)) >= 0
def limits():
    import resource
    resource.setrlimit(resource.RLIMIT_NOFILE, (8, 8))
    return True

def attempt():
    ways = [file_read, file_written, network, unix_socket, datagrams, process, namespace, mounted,
            signalled, traced, life_of_its_own, kernel_keys, io_uring, limits]
    found = []
    for way in ways:
        try:
            if way():
                found.append(way.__name__)
        except Exception:
            pass
    return found
"""
ESCAPES_TEST = """
def check(candidate):
    found = candidate()
    assert found == [], "open: " + ", ".join(found)
"""
FORGED = """
class Same:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
def attempt(n): return Same()
"""
FORGED_TEST = "def check(candidate):\n    assert candidate(3) == 4\n"


def hole(check: Callable[[str, str], tuple[str, str]]) -> str:
    """Return why a cage is not one, or ""; `check(source, test)` gives outcome and reason."""
    outcome, reason = check(HONEST, HONEST_TEST)
    if outcome != "pass":
        return f"honest code does not run in it: {outcome}, {reason}"
    outcome, reason = check(ESCAPES, ESCAPES_TEST)
    if outcome != "pass":
        return f"code can get out of it: {outcome}, {reason}"
    outcome, reason = check(FORGED, FORGED_TEST)
    if outcome != "fail":
        return f"a verdict can be forged in it: {outcome}, {reason}"
    return ""
