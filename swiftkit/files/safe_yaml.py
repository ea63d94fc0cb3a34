"""Read a YAML document that nobody vouches for, as YAML 1.2 means it.

- No object is ever built: plain data only.
- Aliases are shared, not copied: ten lines of aliases of aliases, which stand for a billion values,
  take the memory of ten lines. Whoever writes them out has to bound that.
- Plain scalars follow YAML 1.2's core schema, as OpenAPI asks: `no`, `on`, 2020-01-01 and 12:30
  stay text, keys always.
- A key that stands twice in a mapping is an error.
"""

import math
import re
from typing import Any

import yaml

from swiftkit.errors import DataError

DEEPEST = 200
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # without libyaml ten times slower


def read_yaml(text: bytes, where: str) -> Any:
    """Return the one document of `text`. Raises DataError (broken_yaml, too_deep)."""
    try:
        _check_depth(text, where)
        return yaml.load(text, _CoreLoader)  # noqa: S506  # a child of the safe loader
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        detail = " ".join(str(getattr(error, "problem", None) or error).split())
        reason = f"{where}{line}: not valid YAML: {detail}"
        raise DataError(reason, "broken_yaml", "mend the document") from error
    except (ValueError, RecursionError) as error:
        reason = f"{where}: not valid YAML: {error}"
        raise DataError(reason, "broken_yaml", "mend the document") from error


def _check_depth(text: bytes, where: str) -> None:
    """Raise DataError (too_deep) before the loader, which recurses in C, ends the process."""
    depth = 0
    for event in yaml.parse(text, _Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEEPEST:
                raise DataError(f"{where}: nested deeper than {DEEPEST}", "too_deep", "flatten it")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


class _CoreLoader(_Loader):  # type: ignore[misc]
    """PyYAML's safe loader with the core schema of YAML 1.2."""

    # PyYAML's own way: each class has its table
    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012

    def flatten_mapping(self, node: Any) -> None:
        """Write out the merge keys, `<<`. Each key stays once: merges of merges fill the memory."""
        names = set()
        for key, _ in node.value:
            name = self._name(key)
            if name != "<<" and name in names:
                raise _problem(f"the key {name!r} twice", node)
            names.add(name)
        super().flatten_mapping(node)
        node.value = list({self._name(key): (key, value) for key, value in node.value}.values())

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[str, Any]:
        self.flatten_mapping(node)
        mapping = {}
        for key, value in node.value:
            mapping[self._name(key)] = self.construct_object(value, deep=deep)
        return mapping

    def _name(self, key: Any) -> str:
        if not isinstance(key, yaml.ScalarNode):
            raise _problem("a key that is no text", key)
        return str(key.value)

    def construct_yaml_float(self, node: Any) -> float:
        number = float(node.value)
        if not math.isfinite(number):
            raise _problem("a number out of range", node)
        return number


def _problem(reason: str, node: Any) -> yaml.YAMLError:
    return yaml.constructor.ConstructorError(None, None, reason, node.start_mark)


for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)|0x[0-9a-fA-F]+", list("-+0123456789")),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", list("-+.0123456789")),
    ("merge", r"<<", ["<"]),
):
    _scalar = re.compile(f"^(?:{_pattern})$")
    _CoreLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", _scalar, _first)
_CoreLoader.add_constructor("tag:yaml.org,2002:float", _CoreLoader.construct_yaml_float)
