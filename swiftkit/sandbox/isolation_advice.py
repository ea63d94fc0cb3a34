"""The isolation that this machine gives to model-written code, and what would give more."""

from pathlib import Path

from swiftkit.errors import UsageError
from swiftkit.sandbox.cage import ISOLATIONS
from swiftkit.sandbox.code_pool import CodePool

# A switch of the kernel, the value that closes user namespaces to ordinary users, and the fix.
_SWITCHES = (
    ("kernel/apparmor_restrict_unprivileged_userns", "1", "=0"),  # Ubuntu from 23.10 on
    ("kernel/unprivileged_userns_clone", "0", "=1"),  # Debian before 11
    ("user/max_user_namespaces", "0", "=15000"),  # RHEL 7, hardened sites
)
_CONTAINERS = ("/.dockerenv", "/run/.containerenv")


def examine() -> tuple[str, str, str]:
    """Return the isolation, "" if there is none; why it is not more; and what would give more."""
    try:
        with CodePool(1) as pool:
            isolation, refusals = pool.isolation, pool.refusals
    except UsageError as error:
        return "", str(error), advice("")
    if isolation == ISOLATIONS[0]:
        return isolation, "", ""
    return isolation, "; ".join(refusals), advice(isolation)


def advice(isolation: str, system: Path = Path("/proc/sys"), root: Path = Path("/")) -> str:
    """Return what an administrator could change. `system` and `root` are this machine's folders."""
    if not system.is_dir():
        return "run model-written code on Linux: other systems have nothing that isolates it here"
    fixes = []
    if "namespaces" not in isolation:
        fixes.append(_namespaces(system, root))
    if "landlock" not in isolation:
        fixes.append("Landlock: Linux 6.2 or newer, with landlock in /sys/kernel/security/lsm")
    return "; ".join(fixes)


def _namespaces(system: Path, root: Path) -> str:
    for name, closed, value in _SWITCHES:
        switch = system / name
        if switch.is_file() and switch.read_text().strip() == closed:
            return f"user namespaces: sudo sysctl {name.replace('/', '.')}{value}"
    if any((root / name.lstrip("/")).exists() for name in _CONTAINERS):
        options = "--cap-add SYS_ADMIN --security-opt seccomp=unconfined"
        return f"namespaces: start the container with {options} --security-opt apparmor=unconfined"
    return "user namespaces: ask the administrator to allow them to ordinary users"
