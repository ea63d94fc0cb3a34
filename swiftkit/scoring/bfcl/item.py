"""A question in BFCL's own form, as its files give it; verdict.py judges by it.

A row that `swiftkit convert` made of a BFCL file holds it in the column `scoring` (options.py).
"""

from typing import Any

import msgspec


class BfclItem(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A question of BFCL: its category, such as live_parallel, its tools and its answer.

    ground_truth: None where BFCL has none (irrelevance).
    """

    category: str
    function: list[dict[str, Any]]
    ground_truth: list[dict[str, dict[str, Any]]] | None = None

    @property
    def language(self) -> str:
        if "java" not in self.category:
            return "python"
        return "javascript" if "javascript" in self.category else "java"
