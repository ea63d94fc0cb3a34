"""Data of a hub: ModelScope, or Hugging Face where USE_HF=1 says so, as ms-swift chooses.

    openai/gsm8k:main/test-00000-of-00001.parquet     a file of the data set; * stands for anything
    AI-ModelScope/gsm8k                               the data set's test file, or its only one
    HF::openai/gsm8k   MS::AI-ModelScope/gsm8k        that hub, whatever USE_HF says

The hub's own library downloads, asks for its own token, and keeps a copy, which is found again
without a network.
"""

import os
import re
from fnmatch import fnmatch
from itertools import product
from pathlib import Path

from swiftkit.errors import DataError
from swiftkit.files.inputs import GOLD_FOLDER, KINDS, PACKINGS, kind_of
from swiftkit.terminal import say

_NAME = re.compile(r"(?:(HF|MS)::)?([^\W_][\w.-]*/[^\W_][\w.-]*?)(?::(.+))?")
_TRUE = ("1", "true", "True", "TRUE")
_DATA = [f"*{kind}{packing}" for kind, packing in product(KINDS, ("", *PACKINGS))]
_MOST_NAMED = 10
# Without them ModelScope's library asks for half a minute where there is no network.
_FEW_TRIES = ("API_HTTP_CLIENT_MAX_RETRIES", "MODELSCOPE_REPO_TREE_PAGE_MAX_ATTEMPTS")


def data_path(text: str) -> Path:
    """Return the file or folder that is meant: here, or else fetched of a hub. Raises DataError."""
    path, match = Path(text), _NAME.fullmatch(text)
    if path.exists() or match is None:
        return path
    hub_prefix, name, pattern = match.groups("")
    is_file_name = not pattern and kind_of(path) in KINDS
    if is_file_name or (path.parent.is_dir() and not hub_prefix):
        return path
    is_hugging_face = hub_prefix == "HF" or (not hub_prefix and os.environ.get("USE_HF") in _TRUE)
    hub = "Hugging Face" if is_hugging_face else "ModelScope"
    say(f"{text} is no file here: asking {hub} for a data set of that name")
    folder = _fetch(hub, name, [pattern, f"*{GOLD_FOLDER}/*"] if pattern else _DATA)
    files = _candidates(folder, pattern)
    if len(files) == 1:
        return files[0]
    if files:
        names = ", ".join(str(file.relative_to(folder)) for file in files[:_MOST_NAMED])
        more = f" and {len(files) - _MOST_NAMED} more" if len(files) > _MOST_NAMED else ""
        reason = f"{name} on {hub}: which file? {names}{more}"
        raise DataError(reason, "many_files", "name one: --data NAME:FILE")
    missing = f"no file {pattern}" if pattern else f"no data file ({', '.join(KINDS)})"
    fix = "see its page on the hub, and name a file: --data NAME:FILE"
    raise DataError(f"{name} on {hub}: {missing}", "empty_file", fix)


def _fetch(hub: str, name: str, patterns: list[str]) -> Path:
    is_hugging_face = hub == "Hugging Face"
    try:
        if is_hugging_face:
            from huggingface_hub import snapshot_download

            folder = snapshot_download(name, repo_type="dataset", allow_patterns=patterns)
        else:
            for setting in _FEW_TRIES:
                os.environ.setdefault(setting, "1")
            from modelscope.hub.snapshot_download import (  # type: ignore[import-untyped]
                dataset_snapshot_download,
            )

            folder = dataset_snapshot_download(name, allow_patterns=patterns)
        return Path(folder)
    except ImportError as error:
        package = "huggingface_hub" if is_hugging_face else "modelscope"
        reason = f"--data {name}: no such file here, and {package} is not installed"
        raise DataError(reason, "no_hub", f"correct the path, or: pip install {package}") from error
    except Exception as error:  # noqa: BLE001, RUF100 - each library, and each version, has its own
        detail = " ".join(str(error).split())[:300] or type(error).__name__
        reason = f"--data {name}: no such file here, and {hub} did not give it: {detail}"
        other = "unset USE_HF" if is_hugging_face else "USE_HF=1 takes Hugging Face's"
        fix = f"correct the path; or the name of the data set, the network, the hub ({other})"
        raise DataError(reason, "no_hub", fix) from error


def _candidates(folder: Path, pattern: str) -> list[Path]:
    """Return the files that match the pattern; without one the only test file or all data files."""
    names = sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())
    if pattern:
        return [folder / name for name in names if fnmatch(name, pattern)]
    data = []
    for name in names:
        is_hidden = GOLD_FOLDER in name or name.startswith((".", "dataset_info"))
        if not is_hidden and any(fnmatch(name, kind) for kind in _DATA):
            data.append(name)
    tests = [name for name in data if "test" in name]
    names = tests if len(tests) == 1 else data
    return [folder / name for name in names]
