"""Find a reward in a Python file or among those that ms-swift registers, and read its source.

A reward is a class that is made with `args=`, as ms-swift makes it, or a plain function.
"""

import ast
import importlib
import inspect
import re
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

_CONSTANTS = 60  # texts of the source
_CONSTANT = 80  # characters of one
_BASES = ("ORM", "AsyncORM", "object", "Generic", "ABC")
_REGEX_SIGNS = re.compile(
    r"\(\?[a-zA-Z]+\)|[\^$]|\(\?[:=!<]+|\\[bBAZsSdDwW][*+?]*|\[[^\]]*\][*+?]*"
)
_REGEX_PARTS = re.compile(r"\.[*+]\??|[()|?*+]")


def find_reward(file: str, name: str) -> tuple[Any, str]:
    """Return the class or function, and its name. Raises LookupError, and what the file raises."""
    if not file:
        registered = _registered("swift.rewards", load=True)
        if name not in registered:
            names = ", ".join(sorted(registered))
            raise LookupError(f"ms-swift registers no reward {name}, only {names}; name a file")
        return registered[name], name
    known = set(_registered("swift.rewards"))
    module = _load(Path(file))
    added = {
        key: value
        for key, value in _registered("swift.rewards").items()
        if key not in known or key in vars(module)
    }
    if name:
        found = added.get(name) or vars(module).get(name) or _registered("swift.rewards").get(name)
        if not callable(found):
            raise LookupError(f"{file} has no reward {name}: it has {_listed(module, added)}")
        return found, name
    candidates = {key: value for key, value in added.items() if _is_of(value, module)}
    candidates = candidates or _rewards_in(module)
    if len(candidates) != 1:
        raise LookupError(f"name one reward, as {file}:NAME; it has {_listed(module, added)}")
    return next((value, key) for key, value in candidates.items())


def _load(file: Path) -> ModuleType:
    """Import a file as ms-swift does an external plugin: from its folder, by its stem."""
    sys.path.insert(0, str(file.parent.resolve()))
    return importlib.import_module(file.stem)


def _registered(name: str, load: bool = False) -> dict[str, Any]:
    if load or name in sys.modules:
        return dict(importlib.import_module(name).orms)
    return {}


def _is_of(value: Any, module: ModuleType) -> bool:
    return getattr(value, "__module__", "") == module.__name__


def _rewards_in(module: ModuleType) -> dict[str, Any]:
    """Return what in a module can be called with completions."""
    found = {}
    for name, value in vars(module).items():
        if name.startswith("_") or not _is_of(value, module):
            continue
        call = vars(value).get("__call__") if inspect.isclass(value) else value
        if inspect.isfunction(call):
            names = [each for each in inspect.signature(call).parameters if each != "self"]
            if names and names[0] in ("completions", "infer_requests"):
                found[name] = value
    return found


def _listed(module: ModuleType, added: dict[str, Any]) -> str:
    return ", ".join(sorted({*added, *_rewards_in(module)})) or "none"


def describe_reward(factory: Any, reward: Any, file: str) -> dict[str, Any]:
    """Return what the source says: parameters, columns that are read, and the texts in it."""
    call = reward if inspect.isfunction(reward) else type(reward).__call__
    signature = inspect.signature(reward)
    needed: list[str] = []
    optional: list[str] = []
    rest = ""
    for parameter in list(signature.parameters.values())[1:]:
        if parameter.kind is parameter.VAR_KEYWORD:
            rest = parameter.name
        elif parameter.kind is not parameter.VAR_POSITIONAL:
            is_needed = parameter.default is parameter.empty
            (needed if is_needed else optional).append(parameter.name)
    trees = _trees(factory, file)
    read, asked = _columns_read(_tree_of(call), rest)
    return {
        "needs": needed,
        "takes": optional,
        "takes_all": bool(rest),
        "reads": sorted(read),
        "asks": sorted(asked - read),
        "texts": _texts(trees),
    }


def _tree_of(thing: Any) -> ast.AST:
    try:
        return ast.parse(inspect.cleandoc("\n" + inspect.getsource(thing)))
    except (OSError, TypeError, SyntaxError):
        return ast.Module([], [])


def _trees(factory: Any, file: str) -> list[ast.AST]:
    """Return the user's whole file, or of an installed reward its classes."""
    if file and Path(file).is_file() and not inspect.isclass(factory):
        return [ast.parse(Path(file).read_bytes())]
    if not inspect.isclass(factory):
        return [_tree_of(factory)]
    own = [each for each in factory.__mro__ if each.__name__ not in _BASES]
    module = Path(inspect.getfile(factory))
    if file and module.resolve() == Path(file).resolve():
        return [ast.parse(module.read_bytes())]
    return [_tree_of(each) for each in own]


def _columns_read(tree: ast.AST, rest: str) -> tuple[set[str], set[str]]:
    """Return the columns taken from **kwargs by kwargs["x"], and those by kwargs.get("x")."""
    read, asked = set(), set()
    for node in ast.walk(tree):
        match node:
            case ast.Subscript(value=ast.Name(id=owner), slice=ast.Constant(value=str(key))):
                if owner == rest:
                    read.add(key)
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id=owner), attr="get" | "pop"),
                args=[ast.Constant(value=str(key)), *_],
            ) if owner == rest:
                asked.add(key)
    return read, asked


def _texts(trees: list[ast.AST]) -> list[str]:
    """Return the texts in the code, docstrings apart; of a pattern what it looks for."""
    found: dict[str, None] = {}
    for tree in trees:
        documented = {
            id(node.body[0].value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            and node.body
            and isinstance(node.body[0], ast.Expr)
        }
        for node in ast.walk(tree):
            if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
                continue
            if id(node) not in documented:
                for text in {node.value: 0, **dict.fromkeys(_literal_parts(node.value))}:
                    if len(text.strip()) > 1 and len(text) <= _CONSTANT:
                        found[text] = None
    return list(found)[:_CONSTANTS]


def _literal_parts(pattern: str) -> list[str]:
    """Return the literal texts of a regular expression, roughly."""
    plain = _REGEX_SIGNS.sub("\0", pattern)
    plain = _REGEX_PARTS.sub("\0", plain)
    plain = re.sub(r"\\(.)", r"\1", plain)
    return [part.strip() for part in plain.split("\0") if part.strip()]


def place_of(error: BaseException) -> str:
    """Return file:line of the innermost frame outside of the standard library."""
    frames = traceback.extract_tb(error.__traceback__)
    library = str(Path(ast.__file__).parent)
    for frame in reversed(frames):
        is_ours = frame.filename.endswith("reward_worker.py")
        if not is_ours and not frame.filename.startswith((library, "<")):
            return f"{Path(frame.filename).name}:{frame.lineno}"
        if "site-packages" in frame.filename:
            return f"{Path(frame.filename).name}:{frame.lineno}"
    return ""
