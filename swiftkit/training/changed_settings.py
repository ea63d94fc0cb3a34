"""The differences between a run as it began and the start that is to go on from its checkpoint.

What changes neither the steps nor their numbers does not count: saving, logging, evaluating, the
run's length, and the flags that the launcher adds for a machine. The number of processes counts:
ZeRO's optimizer is cut for it, and it is part of the batch.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from swiftkit.json_text import decode_or_none
from swiftkit.recipe.arguments import Argument
from swiftkit.recipe.recipe import Recipe, whole_number
from swiftkit.training.provenance import CODE, MODELS, DataFile
from swiftkit.training.redaction import recipe_secrets, redacted_settings
from swiftkit.training.run_record import RunRecord

_WITHOUT_EFFECT = (  # beginnings of names
    "save_ logging_ eval_ swanlab_ wandb_ report_to run_name output_dir add_version max_steps"
    " num_train_epochs resume_from_checkpoint dataset_num_proc dataloader_num_workers"
    " dataloader_pin_memory dataloader_persistent_workers dataloader_prefetch_factor ddp_timeout"
    " create_checkpoint_symlink check_model disable_tqdm use_hf val_dataset use_cpu"
    " use_liger_kernel use_vllm vllm_ gradient_checkpointing load_from_cache_file"
).split()

# Their words are a set: PEFT takes them in any order.
_UNORDERED = ("target_modules", "modules_to_save", "target_parameters", "trainable_parameters")
# Variables that change what is learnt: what templates read of images and sounds
# (swift/template/templates, get_env_args), and what swiftkit's plugins read.
LEARNT = (
    "MAX_PIXELS MIN_PIXELS VIDEO_MAX_PIXELS VIDEO_MIN_PIXELS VIDEO_TOTAL_PIXELS FPS FPS_MIN_FRAMES"
    " FPS_MAX_FRAMES NFRAMES NUM_FRAMES MAX_NUM MAX_NUM_FRAMES INPUT_SIZE IMAGE_SIZE IMG_SIZE"
    " MAX_SLICE_NUMS VIDEO_MAX_SLICE_NUMS VIDEO_SEGMENTS VIDEO_MAX_NUM HD_NUM NUM_CROPS"
    " MAX_PARTITION SAMPLING_RATE QWENVL_BBOX_FORMAT USE_AUDIO_IN_VIDEO REASONING_EFFORT"
    " ENABLE_THINKING THINKING_MODE SWIFTKIT_HARMONY_DATE SWIFTKIT_HARMONY_EFFORT"
    " SWIFTKIT_HARMONY_STYLE SWIFTKIT_TEMPLATE_DATE SWIFTKIT_TRAIN_EMPTY_THINK"
    " SWIFTKIT_WIRE_FORMAT SWIFTKIT_TOOL_ERRORS"
).split()
_FILES = (".jsonl", ".json", ".csv", ".parquet", ".txt", ".tsv", ".arrow", ".gz", ".zst")


def changed_settings(record: RunRecord, recipe: Recipe, data: Sequence[DataFile]) -> list[str]:
    """Return what would be trained otherwise, a phrase for each difference.

    `data` are the files of the recipe as they are now (provenance.data_files), hashed once.
    """
    after = redacted_settings(recipe, recipe_secrets(recipe))
    differences = []
    for flag in sorted(record.settings.keys() | after.keys()):
        if flag.startswith(tuple(_WITHOUT_EFFECT)):
            continue
        old, new = record.settings.get(flag), after.get(flag)
        argument = recipe.arguments.get(flag)
        if argument and _values(argument, old) == _values(argument, new):
            continue
        old_words, new_words = old or [], new or []
        if flag == "dataset":  # a file may have moved: its content counts
            is_same = list(map(_selection, old_words)) == list(map(_selection, new_words))
        else:
            places = _places(old_words, record.folder)
            is_same = None not in (old, new) and places == _places(new_words, "")
        if not is_same:
            differences.append(f"{flag} was {_shown(old)}, is {_shown(new)}")
    differences += changed_data(record.data, data)
    return differences + _changed_environment(record, recipe)


def _changed_environment(record: RunRecord, recipe: Recipe) -> list[str]:
    """Compare the number of processes, and the variables that change what is learnt."""
    of_file = record.file_environment
    names = LEARNT
    if of_file is None:  # an older swiftkit recorded neither the file's nor all of the others
        of_file = dict(recipe.file_environment)
        names = [name for name in LEARNT if name.startswith(("MAX_", "SWIFTKIT_"))]
    then = of_file | record.environment
    differences = []
    before, now = _processes(then), _processes(recipe.environment)
    if before != now:
        differences.append(f"{before} processes trained, {now} would now")
    for name in names:
        old, new = then.get(name, ""), recipe.environment.get(name, "")
        if old != new:
            differences.append(f"{name} was {old or 'not set'}, is {new or 'not set'}")
    return differences


def _values(argument: Argument, words: list[str] | None) -> list[object]:
    """Return what the words mean to swift's parser: 4e-3 is 0.004, a bare --packing is true.

    None, for a flag that is not set, is its default. The keys of a JSON object have no order.
    """
    if words is None and argument.default is not None:
        default = argument.default
        words = list(map(str, default if isinstance(default, list) else [default]))
    elif not words and words is not None and argument.kind in ("bool", "flag"):
        words = ["true"]
    values: list[object] = []
    for word in words or []:
        if argument.kind in ("bool", "flag") or word.lower() in ("true", "false"):
            values.append(word.lower() in ("yes", "true", "t", "y", "1"))
        elif word.startswith("{"):
            value = decode_or_none(word)
            values.append(word if value is None else value)
        else:
            try:
                values.append(word if argument.kind in ("str", "choice") else float(word))
            except ValueError:
                values.append(word)
    return sorted(values, key=str) if argument.name in _UNORDERED else values


def changed_data(before: Sequence[DataFile], now: Sequence[DataFile]) -> list[str]:
    """Compare the files of --dataset, which have an order, those of code, and models."""
    differences = []
    own = (*CODE, *MODELS)
    for flag in ("dataset", *own):
        old = [file for file in before if file.flag == flag]
        new = [file for file in now if file.flag == flag]
        if flag in own and not old:  # an older swiftkit kept none
            continue
        if len(old) != len(new):
            differences.append(f"{flag} had {len(old)} files, has {len(new)}")
            continue
        for file, other in zip(old, new, strict=True):
            if file.sha256 != other.sha256:
                content = "data"
                if flag in own:
                    content = "code or settings" if flag in CODE else "weights or settings"
                digests = f"SHA-256 {file.sha256[:12]} then, {other.sha256[:12]} now"
                differences.append(f"{other.path} holds other {content} ({digests})")
    return differences


def _places(values: list[str], folder: str) -> list[str]:
    """Return the values, each that is a path as seen from `folder` in its one spelling."""
    places = []
    for value in values:
        path = Path(folder, value).expanduser()
        try:
            places.append(str(path.resolve()) if value and path.exists() else value)
        except OSError:  # too long for a name
            places.append(value)
    return places


def _selection(name: str) -> str:
    """Return what is taken of a file, such as #500; a hub's name as it is."""
    path, mark, count = name.partition("#")
    is_file = path.lower().endswith(_FILES) or path.startswith(("/", "./", "../", "~"))
    return f"{mark}{count}" if is_file else name


def _shown(values: list[str] | None) -> str:
    if values is None:
        return "not set"
    return " ".join(value or "empty" for value in values) or "given"


def _processes(environment: Mapping[str, str]) -> int:
    counts = [environment.get(name, "") for name in ("NPROC_PER_NODE", "NNODES")]
    processes = 1
    for count in counts:
        processes *= whole_number(count) or 1
    return processes
