"""What a check found, in one line that ends with the fix. `doctor` and `preflight` make them."""

from collections.abc import Iterable
from enum import StrEnum

import msgspec


class Level(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


class Finding(msgspec.Struct, frozen=True):
    """`name` is what was looked at (a package, a flag), `fix` is empty where nothing is to be
    done."""

    level: Level
    name: str
    message: str
    fix: str = ""

    def __str__(self) -> str:
        return f"{self.level:4}  {self.name}: {self.message}" + (
            f" ({self.fix})" if self.fix else ""
        )


def failed(findings: Iterable[Finding]) -> bool:
    return any(finding.level is Level.FAIL for finding in findings)
