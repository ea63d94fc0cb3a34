"""Why a training failed, where its last exception says so: kept in run.json for the last words.

The plugin swift_plugins/swanlab_run.py installs it inside swift, in each process of the training.
"""

import os
import sys
from pathlib import Path
from types import TracebackType

from swiftkit.training import run_record

GPU_MEMORY, HOST_MEMORY = "GPU memory", "memory"
ADVICE = {
    GPU_MEMORY: "the GPU's memory was full: lower per_device_train_batch_size (and raise"
    " gradient_accumulation_steps as much) or max_length, use DEEPSPEED=zero3, or LoRA or QLoRA"
    " instead of all weights; `swiftkit preflight` estimates what a recipe needs",
    HOST_MEMORY: "the machine's memory was full: lower dataset_num_proc, dataloader_num_workers,"
    " per_device_train_batch_size or max_length",
}
# torch.OutOfMemoryError says the first, CUDA and NCCL in other places the others.
_GPU_SIGNS = ("out of memory", "cublas_status_alloc_failed", "cudnn_status_alloc_failed")
_HOST_SIGNS = ("can't allocate memory", "cannot allocate memory", "is killed by signal: killed")


def reason_of(error: BaseException | None) -> str:
    """Return what was short, by an exception or what it came from; empty for any other error."""
    seen = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        text = str(error).lower()
        if isinstance(error, MemoryError) or any(sign in text for sign in _HOST_SIGNS):
            return HOST_MEMORY
        if isinstance(error, RuntimeError) and any(sign in text for sign in _GPU_SIGNS):
            return GPU_MEMORY
        error = error.__cause__ or error.__context__
    return ""


def note_at_the_end() -> None:
    """Let an exception that ends this process tell run.json why, before it is printed."""
    path, print_error = os.environ.get(run_record.VARIABLE), sys.excepthook
    if not path:
        return

    def note_and_print(
        kind: type[BaseException], error: BaseException, traceback: TracebackType | None
    ) -> None:
        reason = reason_of(error)
        if reason:
            run_record.note_failure(Path(path), reason)
        print_error(kind, error, traceback)

    sys.excepthook = note_and_print
