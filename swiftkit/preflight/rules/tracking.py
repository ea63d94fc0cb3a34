"""SwanLab and its like: keys and packages that are asked for only after the model was loaded."""

from collections.abc import Iterator
from pathlib import Path

from swiftkit.recipe.machine import has_swanlab_key
from swiftkit.recipe.recipe import Fault, Recipe

_PACKAGES = {"swanlab": "swanlab", "wandb": "wandb", "tensorboard": "tensorboard"}
_EMAIL = (
    "swanlab_sender_email",
    "swanlab_receiver_email",
    "swanlab_smtp_server",
    "swanlab_smtp_port",
)


def swanlab_key(recipe: Recipe) -> Iterator[Fault]:
    """SwanLab's cloud without a key: the run stops after the model was loaded."""
    cloud = "swanlab" in recipe.values("report_to") and recipe.text("swanlab_mode") == "cloud"
    logged_in = recipe.says("swanlab_token") or has_swanlab_key(recipe.environment)
    if recipe.trains and cloud and not logged_in:
        flag = "swanlab_mode" if recipe.says("swanlab_mode") else "report_to"
        fix = "set SWANLAB_API_KEY, or add --swanlab_mode local"
        yield recipe.fail(flag, "SwanLab's cloud needs a key", fix, swanlab_mode=["local"])


def swanlab_mode_variable(recipe: Recipe) -> Iterator[Fault]:
    """SWANLAB_MODE in the environment, which ms-swift ignores."""
    told = recipe.environment.get("SWANLAB_MODE")
    if told and "swanlab" in recipe.values("report_to") and told != recipe.text("swanlab_mode"):
        message = f"SWANLAB_MODE={told} is ignored: swift passes {recipe.text('swanlab_mode')}"
        yield recipe.warn("swanlab_mode", message, "write --swanlab_mode local or cloud")


def swanlab_project(recipe: Recipe) -> Iterator[Fault]:
    """SwanLab's settings where it does not report."""
    if recipe.trains and "swanlab" not in recipe.values("report_to"):
        for flag in [flag for flag in recipe.settings if flag.startswith("swanlab_")]:
            yield recipe.warn(
                flag, "has no effect without --report_to swanlab", "leave it out", **{flag: None}
            )


def swanlab_message(recipe: Recipe) -> Iterator[Fault]:
    """SwanLab's notification by a way that is unknown, or by e-mail without its four settings."""
    way, ways = (
        recipe.text("swanlab_notification_method"),
        ("lark", "dingtalk", "email", "discord", "wxwork", "slack"),
    )
    missing = [flag for flag in _EMAIL if not recipe.says(flag)]
    if way and way not in ways:
        yield recipe.fail(
            "swanlab_notification_method", f"{way} is unknown", f"write one of {', '.join(ways)}"
        )
    elif way == "email" and missing:
        yield recipe.fail(
            "swanlab_notification_method", f"email needs {', '.join(missing)}", "add them"
        )


def tracker_missing(recipe: Recipe) -> Iterator[Fault]:
    """A tracker that is not installed."""
    for name in recipe.values("report_to") if recipe.trains and recipe.says("report_to") else ():
        if name in _PACKAGES and recipe.machine.lacks(_PACKAGES[name]):
            yield recipe.fail(
                "report_to", f"{name} is not installed", f"pip install {name}, or write none"
            )


def wandb_key(recipe: Recipe) -> Iterator[Fault]:
    """Weights & Biases without a key: it asks at a terminal, and waits for ever where there is
    none."""
    offline = recipe.environment.get("WANDB_MODE") in ("offline", "disabled")
    known = recipe.environment.get("WANDB_API_KEY") or (Path.home() / ".netrc").exists()
    if recipe.trains and "wandb" in recipe.values("report_to") and not known and not offline:
        yield recipe.warn(
            "report_to",
            "wandb has no key here, and will ask for one",
            "set WANDB_API_KEY or WANDB_MODE=offline",
        )
