"""Programs of our own that want out of the cage, or a verdict that is not theirs.

Each is a body of next_after(n), which has to return n + 1; the hostile ones do so only if their way
worked. OUTSIDE in a text is a folder that all users may read and write, with a file `secret`.
"""

from typing import NamedTuple

PROMPT = 'def next_after(n):\n    """Return the whole number that follows n."""\n'
TEST = "def check(candidate):\n    for n in (1, 41, -7, 0):\n        assert candidate(n) == n + 1\n"
LIBC = "import ctypes, os\nlibc = ctypes.CDLL(None, use_errno=True)\n"


class Hostile(NamedTuple):
    """A body, what stands before it at the top of the module, and the test if it is another."""

    name: str
    body: str
    top: str = ""
    test: str = TEST
    outcomes: tuple[str, ...] = ("fail",)

    @property
    def completion(self) -> str:
        lines = "".join(f"    {line}\n" for line in self.body.splitlines())
        return f"{lines}\n{self.top}"


MAP_TEST = """
def check(candidate):
    for n, got in zip((1, 41), map(candidate, (1, 41))):
        assert got == n + 1
"""
CAUGHT_TEST = """
def check(candidate):
    for n in (1, 41):
        try:
            assert candidate(n) == n + 1
        except:
            pass
"""
RARE_WORD_TEST = "def check(candidate):\n    expected = 'a rare word: qzxv'\n    assert candidate(1) == expected\n"

HOSTILE = (
    # the verdict
    Hostile(
        "raises StopIteration to end the loop of the test", "raise StopIteration", test=MAP_TEST
    ),
    Hostile("raises StopAsyncIteration", "raise StopAsyncIteration", test=MAP_TEST),
    Hostile("exits below a test that catches all", "import os; os._exit(0)", test=CAUGHT_TEST),
    Hostile("leaves by sys.exit below it", "import sys; sys.exit(0)", test=CAUGHT_TEST),
    Hostile("returns no data below it", "return lambda: n", test=CAUGHT_TEST),
    Hostile(
        "sends nonsense below it", "import os; os.write(3, b'x' * 100)\nreturn 0", test=CAUGHT_TEST
    ),
    Hostile(
        "equal to everything, a dict", "return type('D', (dict,), {'__eq__': lambda s, o: True})()"
    ),
    Hostile(
        "equal to everything, an int", "return type('I', (int,), {'__eq__': lambda s, o: True})(5)"
    ),
    Hostile(
        "a list that says it is another",
        "return type('L', (list,), {'__eq__': lambda s, o: True, '__iter__': lambda s: iter([2])})()",
    ),
    Hostile(
        "a class that claims to be int",
        "return type('C', (), {'__class__': int, '__eq__': lambda s, o: True, '__int__': lambda s: 5})()",
    ),
    Hostile(
        "an array without items",
        "import numpy as np\nreturn np.array([])",
        test=TEST.replace("assert", "assert bool(").replace("n + 1", "n + 1)"),
    ),
    Hostile("a NaN", "return float('nan')"),
    Hostile(
        "writes a frame of its own",
        "import os, json, struct\nfor m in (['value', None], ['loaded'], ['raised', 'Exception', ''], {'outcome': 'pass'}):\n    b = json.dumps(m).encode()\n    os.write(3, struct.pack('=I', len(b)) + b)\nreturn None",
    ),
    Hostile(
        "a frame too long",
        "import os, struct\nos.write(3, struct.pack('=I', 1 << 31))\nreturn None",
    ),
    Hostile(
        "a frame nested deeply",
        "import os, struct\nb = b'[' * 100000\nos.write(3, struct.pack('=I', len(b)) + b)\nreturn None",
    ),
    Hostile(
        "a number of a million digits",
        "import os, struct\nb = b'[\"value\", ' + b'9' * 900000 + b']'\nos.write(3, struct.pack('=I', len(b)) + b)\nreturn None",
    ),
    Hostile(
        "raises what is no exception's name", "raise type('exec', (Exception,), {})('print(1)')"
    ),
    Hostile(
        "an exception whose text hangs",
        "raise type('E', (Exception,), {'__str__': lambda s: __import__('time').sleep(60)})()",
        outcomes=("timeout",),
    ),
    Hostile("closes its channel", "import os; os.close(3); return n + 1"),
    Hostile("closes every descriptor", "import os; os.closerange(0, 64); return n + 1"),
    Hostile(
        "hangs while the module loads", "return n + 1", "while True: pass", outcomes=("timeout",)
    ),
    Hostile("ends while the module loads", "return n + 1", "raise SystemExit(0)"),
    Hostile("no function of the name", "return n + 1", "del next_after"),
    Hostile(
        "another module's __main__",
        "import sys\nm = sys.modules['__main__']\nm.describe = m.serve = lambda *a: None\nreturn None",
    ),
    Hostile(
        "ends by a signal",
        "import os, signal; os.kill(os.getpid(), signal.SIGSEGV); return None",
        outcomes=("fail", "timeout"),
    ),
    Hostile("fills the C stack", "import ctypes\nctypes.string_at(0)\nreturn None"),
    Hostile(
        "finds the expected value in memory",
        """
import ctypes, gc, sys
for o in gc.get_objects():
    if isinstance(o, dict) and any(isinstance(v, str) and 'qz' + 'xv' in v for v in list(o.values())):
        return 'a rare word: qz' + 'xv'
p, m = id(n) & ~0xfffff, None
return None
""".strip(),
        test=RARE_WORD_TEST,
    ),
    # other processes
    Hostile(
        "kills its judge",
        "import os, signal\nos.kill(os.getppid() or 2, signal.SIGKILL)\nreturn n + 1",
        outcomes=("fail",),
    ),
    Hostile(
        "kills all that it may", "import os, signal\nos.kill(-1, signal.SIGKILL)\nreturn n + 1"
    ),
    Hostile("stops its group", "import os, signal\nos.killpg(0, signal.SIGSTOP)\nreturn n + 1"),
    Hostile(
        "pidfd of another process",
        "return n + 1 if libc.syscall(434, os.getppid() or 2, 0) >= 0 else None",
        LIBC,
    ),
    Hostile(
        "queues a signal",
        "return n + 1 if libc.syscall(129, os.getppid() or 2, 10, ctypes.create_string_buffer(128)) == 0 else None",
        LIBC,
    ),
    Hostile(
        "another one's limits",
        "import resource\nresource.prlimit(os.getppid() or 2, resource.RLIMIT_CPU, (1, 1))\nreturn n + 1",
        LIBC,
    ),
    Hostile("starts a program", "import subprocess\nsubprocess.run(['/bin/true'])\nreturn n + 1"),
    Hostile(
        "becomes a program", "import os, sys\nos.execv(sys.executable, ['python', '-c', 'pass'])"
    ),
    Hostile(
        "a process by vfork",
        "return n + 1 if libc.syscall(58) >= 0 else None",
        LIBC,
        outcomes=("fail",),
    ),
    Hostile(
        "a process by clone3",
        "b = ctypes.create_string_buffer(88)\nr = libc.syscall(435, b, 88)\nif r == 0: libc._exit(0)\nreturn n + 1 if r > 0 else None",
        LIBC,
    ),
    Hostile(
        "a process by multiprocessing",
        "import multiprocessing as m\np = m.get_context('fork').Process(target=print)\np.start(); p.join()\nreturn n + 1",
    ),
    Hostile(
        "x32's fork",
        "r = libc.syscall(0x40000000 + 57)\nif r == 0: libc._exit(0)\nreturn n + 1 if r > 0 else None",
        LIBC,
    ),
    Hostile(
        "a life beyond its judge's",
        "return n + 1 if libc.prctl(1, 0, 0, 0, 0) == 0 else None",
        LIBC,
    ),
    Hostile("a session of its own", "return n + 1 if libc.setsid() > 0 else None", LIBC),
    Hostile("priority", "import os\nos.setpriority(os.PRIO_USER, 0, 19)\nreturn n + 1"),
    # files
    Hostile("reads a file of all users", "return n + 1 if open('OUTSIDE/secret').read() else None"),
    Hostile("writes one", "open('OUTSIDE/dropped', 'w').close()\nreturn n + 1"),
    Hostile("empties one", "import os\nos.truncate('OUTSIDE/secret', 0)\nreturn n + 1"),
    Hostile(
        "empties one by opening",
        "import os\nos.open('OUTSIDE/secret', os.O_RDONLY | os.O_TRUNC)\nreturn n + 1",
    ),
    Hostile("changes its mode", "import os\nos.chmod('OUTSIDE/secret', 0o777)\nreturn n + 1"),
    Hostile("changes its times", "import os\nos.utime('OUTSIDE/secret', (0, 0))\nreturn n + 1"),
    Hostile("removes it", "import os\nos.remove('OUTSIDE/secret')\nreturn n + 1"),
    Hostile("moves it", "import os\nos.rename('OUTSIDE/secret', 'OUTSIDE/moved')\nreturn n + 1"),
    Hostile(
        "links to it",
        "import os\nos.link('OUTSIDE/secret', 'linked')\nreturn n + 1 if open('linked').read() else None",
    ),
    Hostile(
        "an attribute of it",
        "import os\nos.setxattr('OUTSIDE/secret', 'user.x', b'1')\nreturn n + 1",
    ),
    Hostile(
        "lists folders of the machine",
        "import os\nfor f in ('/home', '/proc', '/sys', '/var', '/etc', '/usr/bin', '/proc/1'):\n    try:\n        if os.listdir(f): return n + 1\n    except OSError: pass",
    ),
    Hostile(
        "other processes' environment",
        "import glob\nfor f in glob.glob('/proc/[0-9]*/environ') + ['/proc/self/environ', '/proc/self/mem']:\n    try:\n        if open(f, 'rb').read(1): return n + 1\n    except OSError: pass",
    ),
    Hostile(
        "its own environment",
        "import os\nreturn n + 1 if set(os.environ) - {'HOME', 'TMPDIR', 'PATH', 'LANG'} else None",
    ),
    Hostile(
        "packages with data sets",
        "import glob, os\nfor f in glob.glob(os.path.dirname(os.__file__) + '/*-packages/*'):\n    for place in (f, *glob.glob(f + '/*')):\n        try:\n            if open(place).read(1): return n + 1\n        except OSError: pass",
    ),
    Hostile(
        "writes into Python's library",
        "import os\nopen(os.path.dirname(os.__file__) + '/evil.py', 'w').close()\nreturn n + 1",
    ),
    Hostile(
        "a device",
        "import os\nos.mknod('device', 0o600 | 0o020000, os.makedev(1, 1))\nreturn n + 1",
    ),
    Hostile(
        "shared memory",
        "from multiprocessing import shared_memory as s\ns.SharedMemory('swiftkit', True, 4096)\nreturn n + 1",
    ),
    Hostile(
        "System V memory", "return n + 1 if libc.shmget(77, 4096, 0o1666) >= 0 else None", LIBC
    ),
    # the network
    Hostile(
        "UDP",
        "import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\ns.sendto(b'x', ('127.0.0.1', 9))\nreturn n + 1",
    ),
    Hostile("IPv6", "import socket\nsocket.socket(socket.AF_INET6)\nreturn n + 1"),
    Hostile(
        "netlink", "import socket\nsocket.socket(socket.AF_NETLINK, socket.SOCK_RAW)\nreturn n + 1"
    ),
    Hostile("vsock", "import socket\nsocket.socket(socket.AF_VSOCK)\nreturn n + 1"),
    Hostile(
        "a pair that sends to addresses",
        "import socket\na, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)\na.sendto(b'x', chr(0) + 'swiftkit_hostile')\nreturn n + 1",
    ),
    Hostile(
        "a pair that connects anew",
        "import socket\na, b = socket.socketpair()\na.connect(chr(0) + 'swiftkit_hostile')\nreturn n + 1",
    ),
    Hostile(
        "a name server",
        "import socket\nsocket.getaddrinfo('localhost', 80)\nsocket.gethostbyname('example.org')\nreturn n + 1",
    ),
    # means
    Hostile("memory", "b = bytearray(1 << 30)\nreturn n + 1"),
    Hostile("memory in small pieces", "x = []\nwhile True: x.append(bytearray(1 << 20))"),
    Hostile(
        "more memory by a limit",
        "import resource\nresource.setrlimit(resource.RLIMIT_AS, (-1, -1))\nreturn n + 1",
    ),
    Hostile("descriptors", "import os\nx = [os.dup(0) for _ in range(500)]\nreturn n + 1"),
    Hostile(
        "small threads",
        "import threading, time\nthreading.stack_size(32768)\nfor _ in range(4000): threading.Thread(target=time.sleep, args=(9,), daemon=True).start()\nreturn n + 1",
        outcomes=("fail", "timeout"),
    ),
    Hostile(
        "a large file",
        "f = open('large', 'wb')\nf.write(b'x' * (64 << 20)); f.flush()\nreturn n + 1",
    ),
    Hostile(
        "many files",
        "for i in range(5000): open(f'f{i}', 'w').close()\nreturn n + 1",
        outcomes=("fail", "timeout"),
    ),
    Hostile("output without end", "import os\nwhile True: os.write(1, b'x' * 65536)"),
    Hostile(
        "an answer without end",
        "import os\nwhile True: os.write(3, b'x' * 65536)",
        outcomes=("fail", "timeout"),
    ),
    Hostile("an iterator without end", "import itertools\nreturn itertools.count()"),
    Hostile("a large answer", "return 'x' * (2 << 20)"),
    Hostile("a list in itself", "x = []; x.append(x); return x"),
    Hostile(
        "a set that takes long to build",
        "return {i * ((1 << 61) - 1) for i in range(30000)}",
        outcomes=("fail", "timeout"),
    ),
    Hostile(
        "a range that the test cannot go through",
        "return range(10**15)",
        test="def check(candidate):\n    assert sum(candidate(1)) == 2\n",
        outcomes=("timeout", "fail"),
    ),
    Hostile(
        "digits that the test makes a number of",
        "from decimal import Decimal\nreturn Decimal('1e99999999')",
        test="def check(candidate):\n    assert int(candidate(1)) == 2\n",
        outcomes=("timeout", "fail"),
    ),
    Hostile(
        "signals that keep it alive",
        "import signal, time\nfor s in range(1, 65):\n    try: signal.signal(s, signal.SIG_IGN)\n    except (OSError, ValueError): pass\nwhile True: time.sleep(1)",
        outcomes=("timeout",),
    ),
)


class Honest(NamedTuple):
    """A body that does what it should, by means that a cage could take away by mistake."""

    name: str
    body: str
    needs_files: bool = False


HONEST = (
    Honest("plain", "return n + 1"),
    Honest("regular expressions", "import re\nreturn int(re.sub('x', '', f'x{n + 1}'))"),
    Honest(
        "hashes",
        "import hashlib\nhashlib.md5(b'x').hexdigest(); hashlib.sha3_256(b'x')\nreturn n + 1",
    ),
    Honest(
        "dates and zones",
        "from datetime import datetime, timezone\ndatetime.now(timezone.utc).strftime('%A'); datetime.strptime('2020', '%Y')\nreturn n + 1",
    ),
    Honest(
        "data classes",
        "from dataclasses import dataclass\n@dataclass\nclass P:\n    x: int\nreturn P(n).x + 1",
    ),
    Honest(
        "threads",
        "import threading\nout = []\nt = threading.Thread(target=lambda: out.append(n + 1))\nt.start(); t.join()\nreturn out[0]",
    ),
    Honest(
        "a pool of threads",
        "from concurrent.futures import ThreadPoolExecutor\nwith ThreadPoolExecutor(4) as p:\n    return list(p.map(lambda x: x + 1, [n]))[0]",
    ),
    Honest(
        "asyncio",
        "import asyncio\nasync def f():\n    await asyncio.sleep(0)\n    return n + 1\nreturn asyncio.run(f())",
    ),
    Honest(
        "a signal's own alarm",
        "import signal\nsignal.signal(signal.SIGALRM, lambda *a: None); signal.setitimer(signal.ITIMER_REAL, 0.01); signal.pause()\nreturn n + 1",
    ),
    Honest("deep recursion", "def f(k): return 0 if k == 0 else f(k - 1)\nf(800)\nreturn n + 1"),
    Honest(
        "tries what it may not",
        "import os\ntry:\n    os.fork()\nexcept OSError:\n    pass\nreturn n + 1",
    ),
    Honest(
        "a module that is not there",
        "try:\n    import no_such_module_here\nexcept ImportError:\n    pass\nreturn n + 1",
    ),
    Honest(
        "numbers of the system",
        "import os, platform, time, random, secrets\nos.cpu_count(); os.getpid(); time.time(); random.random(); secrets.token_hex(); os.urandom(4); platform.machine()\nreturn n + 1",
    ),
    Honest("a large number", "x = 10 ** 3000\nreturn n + 1 if x % 7 else n + 1"),
    Honest(
        "a numpy number",
        "try:\n    import numpy as np\nexcept ImportError:\n    return n + 1\nreturn np.int64(n + 1)",
    ),
    Honest(
        "json and csv in memory",
        "import csv, io, json\nb = io.StringIO(); csv.writer(b).writerow([n]); json.dumps([n])\nreturn n + 1",
    ),
    Honest(
        "prints and a warning",
        "import warnings, sys\nwarnings.warn('old'); print('\\ud800 grüße', file=sys.stderr)\nreturn n + 1",
    ),
    Honest(
        "a temporary file",
        "import tempfile\nwith tempfile.TemporaryFile('w+') as f:\n    f.write('x'); f.seek(0)\n    return n + len(f.read())",
        needs_files=True,
    ),
    Honest(
        "a library module that nobody has loaded",
        "import calendar, colorsys, cmd, wave\nreturn n + 1",
        needs_files=True,
    ),
)
