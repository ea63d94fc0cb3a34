"""Small checkpoints, whole, in the files' own formats."""

import json
import zipfile
from pathlib import Path

FILES = (
    "adapter_model.safetensors",
    "optimizer.pt",
    "scheduler.pt",
    "rng_state_0.pth",
    "rng_state_1.pth",
    "trainer_state.json",
)


def make_checkpoint(checkpoint: Path, max_steps: int = 6) -> Path:
    """Write the folder checkpoint-N of a run that goes to `max_steps`."""
    checkpoint.mkdir(parents=True)
    tensor = {"a": {"dtype": "F32", "shape": [16], "data_offsets": [0, 64]}}
    header = json.dumps(tensor).encode()
    (checkpoint / FILES[0]).write_bytes(len(header).to_bytes(8, "little") + header + bytes(64))
    for name in FILES[1:-1]:
        with zipfile.ZipFile(checkpoint / name, "w") as archive:
            archive.writestr("data.pkl", bytes(100))
    step = int(checkpoint.name.rpartition("-")[2])
    history = [{"loss": 1.0}]
    state = {"global_step": step, "max_steps": max_steps, "num_train_epochs": 1}
    (checkpoint / FILES[-1]).write_text(json.dumps(state | {"log_history": history}))
    return checkpoint
