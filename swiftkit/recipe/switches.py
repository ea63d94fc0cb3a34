"""The switches among the environment's variables, such as DRY_RUN, RESUME and VLLM."""

from collections.abc import Mapping

OFF = ("0", "false", "no", "off")  # recipes/lib.sh and rerun.sh know the same


def is_on(environment: Mapping[str, str], name: str, default: bool = False) -> bool:
    """Return True for any value but 0, false, no and off; `default` if it is empty or not set."""
    value = environment.get(name, "").strip().lower()
    return value not in OFF if value else default
