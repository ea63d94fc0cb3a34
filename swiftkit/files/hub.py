"""Data of a hub: ModelScope, or Hugging Face where USE_HF=1 says so, as ms-swift chooses.

    openai/gsm8k:main/test-00000-of-00001.parquet     a file of the data set; * stands for anything
    AI-ModelScope/gsm8k                               the data set's test file, or its only one
    HF::openai/gsm8k   MS::AI-ModelScope/gsm8k        that hub, whatever USE_HF says

The hub's own library downloads, asks for its own token, and keeps a copy, which is found again
without a network.
"""

import os
import re
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path

from swiftkit.errors import DataError
from swiftkit.files.inputs import GOLD_FOLDER, KINDS, PACKINGS, kind_of
from swiftkit.terminal import say

_NAME = re.compile(r"(?:(HF|MS)::)?([^\W_][\w.-]*/[^\W_][\w.-]*?)(?::(.+))?")
_TRUE = ("1", "true", "True", "TRUE")
_DATA = [f"*{kind}{packing}" for kind in KINDS for packing in ("", *PACKINGS)]
_MOST_NAMED = 10
# Without them ModelScope's library asks for half a minute where there is no network.
_FEW_TRIES = ("API_HTTP_CLIENT_MAX_RETRIES", "MODELSCOPE_REPO_TREE_PAGE_MAX_ATTEMPTS")
_PIP = {"ModelScope": "modelscope", "Hugging Face": "huggingface_hub"}


def data_path(typed: str) -> Path:
    """The file or folder that `typed` means: one that is here, or else one of a hub, which is
    fetched. Raises DataError."""
    path, match = Path(typed), _NAME.fullmatch(typed)
    is_file_name = not (match and match[3]) and kind_of(path) in KINDS
    if path.exists() or match is None or is_file_name or (path.parent.is_dir() and not match[1]):
        return path
    hub = (
        "Hugging Face"
        if match[1] == "HF" or (not match[1] and os.environ.get("USE_HF") in _TRUE)
        else "ModelScope"
    )
    name, pattern = match[2], match[3] or ""
    say(f"{typed} is no file here: asking {hub} for a data set of that name")
    folder = _fetched(hub, name, [pattern, f"*{GOLD_FOLDER}/*"] if pattern else _DATA)
    return _the_one(_candidates(folder, pattern), f"{name} on {hub}", folder, pattern)


def _fetched(hub: str, name: str, patterns: Sequence[str]) -> Path:
    download = _from_hugging_face if hub == "Hugging Face" else _from_modelscope
    try:
        return Path(download(name, list(patterns)))
    except ImportError as error:
        said = f"--data {name}: no such file here, and {_PIP[hub]} is not installed"
        raise DataError(said, "no_hub", f"correct the path, or: pip install {_PIP[hub]}") from error
    except Exception as error:  # noqa: BLE001, RUF100 - each library, and each version, has its own
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        said = f"--data {name}: no such file here, and {hub} did not give it: {reason}"
        other = "unset USE_HF" if hub == "Hugging Face" else "USE_HF=1 takes Hugging Face's"
        fix = f"correct the path; or the name of the data set, the network, the hub ({other})"
        raise DataError(said, "no_hub", fix) from error


def _from_hugging_face(name: str, patterns: list[str]) -> str:
    from huggingface_hub import snapshot_download

    return str(snapshot_download(name, repo_type="dataset", allow_patterns=patterns))


def _from_modelscope(name: str, patterns: list[str]) -> str:
    for setting in _FEW_TRIES:
        os.environ.setdefault(setting, "1")
    from modelscope.hub.snapshot_download import dataset_snapshot_download  # type: ignore[import-untyped]

    return str(dataset_snapshot_download(name, allow_patterns=patterns))


def _candidates(folder: Path, pattern: str) -> list[Path]:
    names = sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())
    if pattern:
        return [folder / name for name in names if fnmatch(name, pattern)]
    data = [
        name
        for name in names
        if any(fnmatch(name, each) for each in _DATA) and GOLD_FOLDER not in name
    ]
    data = [name for name in data if not name.startswith((".", "dataset_info"))]
    tests = [name for name in data if "test" in name]
    return [folder / name for name in (tests if len(tests) == 1 else data)]


def _the_one(files: Sequence[Path], what: str, folder: Path, pattern: str) -> Path:
    names = ", ".join(str(file.relative_to(folder)) for file in files[:_MOST_NAMED])
    if len(files) == 1:
        return files[0]
    if files:
        more = f" and {len(files) - _MOST_NAMED} more" if len(files) > _MOST_NAMED else ""
        raise DataError(
            f"{what}: which file? {names}{more}", "many_files", "name one: --data NAME:FILE"
        )
    asked = f"no file {pattern}" if pattern else f"no data file ({', '.join(KINDS)})"
    raise DataError(
        f"{what}: {asked}",
        "empty_file",
        "see its page on the hub, and name a file: --data NAME:FILE",
    )
