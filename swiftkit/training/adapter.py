"""The base model of a LoRA adapter: `python -m swiftkit.training.adapter FOLDER` prints it.

recipes/eval.sh serves an adapter beside its base model. Exit status 2, with the reason, for an
adapter that cannot be served so.
"""

import sys
from pathlib import Path

from swiftkit.errors import DataError
from swiftkit.recipe.model_files import read_object


def base_model(adapter: Path) -> str:
    """Return the adapter's base model. Raises DataError if it is damaged, or cannot be served."""
    config = read_object(adapter / "adapter_config.json")
    if config.get("target_parameters"):
        raise DataError(
            f"{adapter}: adapters of experts (target_parameters) are not served by ms-swift",
            fix=f"merge it: bash recipes/export_merge.sh --adapters {adapter}",
        )
    if not config.get("base_model_name_or_path"):
        raise DataError(
            f"{adapter}/adapter_config.json is damaged, or names no base model",
            fix="take another checkpoint",
        )
    return str(config["base_model_name_or_path"])


if __name__ == "__main__":
    try:
        print(base_model(Path(sys.argv[1])))
    except DataError as error:
        sys.exit(f"eval.sh: {error}")
