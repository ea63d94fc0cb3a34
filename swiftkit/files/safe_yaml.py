"""Read a YAML document that nobody vouches for, as YAML 1.2 means it.

- No object is ever built: plain data only.
- Anchors cannot blow up: what the document holds with every alias written out is counted from its
  events, before anything is built (ten lines of aliases of aliases stand for a billion values).
- Plain scalars follow YAML 1.2's core schema, as OpenAPI asks: `no`, `on`, 2020-01-01 and 12:30
  stay text, keys always.
- A key that stands twice in a mapping is an error.
"""

import math
import re
from typing import Any

import yaml

from swiftkit.errors import DataError

# characters and values with all aliases written out: five times the largest public API
MOST = 50_000_000
DEEPEST = 200
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # without libyaml ten times slower


def read_yaml(text: bytes, where: str) -> Any:
    """The one document of `text`. Raises DataError (broken_yaml, too_deep, too_large) that begins
    with `where`."""
    try:
        check_size(text, where)
        return yaml.load(text, _CoreLoader)  # noqa: S506  # a child of the safe loader
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        reason = " ".join(str(getattr(error, "problem", None) or error).split())
        raise DataError(
            f"{where}{line}: not valid YAML: {reason}", "broken_yaml", "mend the document"
        ) from error
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"{where}: not valid YAML: {error}", "broken_yaml", "mend the document"
        ) from error


def check_size(text: bytes, where: str) -> None:
    """Raises DataError where the document is too large with its aliases written out, or too deep;
    yaml.YAMLError."""
    sizes: dict[str | None, int] = {}  # of what is anchored
    # anchor and size of the document and the collections around this place
    opened: list[list[Any]] = [["", 0]]
    for event in yaml.parse(text, _Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            opened.append([event.anchor, 1])
            # until it is closed: an alias inside would hold itself without end
            sizes[event.anchor] = MOST + 1
        elif isinstance(event, yaml.CollectionEndEvent):
            _close(opened, sizes)
        elif isinstance(event, yaml.ScalarEvent):
            sizes[event.anchor] = len(event.value) + 1
            opened[-1][1] += sizes[event.anchor]
        elif isinstance(event, yaml.AliasEvent):
            opened[-1][1] += sizes.get(event.anchor, 0)  # an unknown one is the composer's matter
        if opened[-1][1] > MOST:
            raise DataError(
                f"{where}: larger than {MOST:,} characters",
                "too_large",
                "cut it; write out its aliases",
            )
        if len(opened) > DEEPEST:
            raise DataError(f"{where}: nested deeper than {DEEPEST}", "too_deep", "flatten it")


def _close(opened: list[list[Any]], sizes: dict[str | None, int]) -> None:
    anchor, size = opened.pop()
    sizes[anchor] = size
    opened[-1][1] += size


class _CoreLoader(_Loader):  # type: ignore[misc]
    """PyYAML's safe loader with the core schema of YAML 1.2."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  # PyYAML's own way: each class has its table

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[str, Any]:
        names = [self._name(key) for key, _ in node.value]
        for number, name in enumerate(names):
            if name != "<<" and name in names[:number]:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {name!r} twice", node.start_mark
                )
        self.flatten_mapping(node)
        return {
            self._name(key): self.construct_object(value, deep=deep) for key, value in node.value
        }

    def _name(self, key: Any) -> str:
        if not isinstance(key, yaml.ScalarNode):
            raise yaml.constructor.ConstructorError(
                None, None, "a key that is no text", key.start_mark
            )
        return str(key.value)

    def construct_yaml_float(self, node: Any) -> float:
        number = float(node.value)
        if not math.isfinite(number):
            raise yaml.constructor.ConstructorError(
                None, None, "a number out of range", node.start_mark
            )
        return number


for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)|0x[0-9a-fA-F]+", list("-+0123456789")),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", list("-+.0123456789")),
    ("merge", r"<<", ["<"]),
):
    _CoreLoader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), _first
    )
_CoreLoader.add_constructor("tag:yaml.org,2002:float", _CoreLoader.construct_yaml_float)
