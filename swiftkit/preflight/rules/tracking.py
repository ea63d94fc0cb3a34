"""SwanLab and its like: keys and packages that are asked for only after the model was loaded."""

from pathlib import Path

from swiftkit.recipe.machine import has_swanlab_key
from swiftkit.recipe.recipe import Findings, Recipe

_NOTIFICATIONS = ("lark", "dingtalk", "email", "discord", "wxwork", "slack")
_TRACKERS = (
    "swanlab wandb tensorboard mlflow comet_ml neptune clearml codecarbon dvclive trackio".split()
)
_EMAIL = "swanlab_sender_email swanlab_receiver_email swanlab_smtp_server swanlab_smtp_port".split()


def swanlab_key(recipe: Recipe) -> Findings:
    """Without a key SwanLab's cloud stops the run after the model was loaded."""
    is_cloud = recipe.get_str("swanlab_mode") == "cloud"
    has_key = recipe.is_set("swanlab_token") or has_swanlab_key(recipe.environment)
    if recipe.trains and "swanlab" in recipe.get_list("report_to") and is_cloud and not has_key:
        flag = "swanlab_mode" if recipe.is_set("swanlab_mode") else "report_to"
        fix = "set SWANLAB_API_KEY, or add --swanlab_mode local"
        yield recipe.fail(flag, "SwanLab's cloud needs a key", fix, swanlab_mode=["local"])


def swanlab_mode_variable(recipe: Recipe) -> Findings:
    """ms-swift ignores SWANLAB_MODE of the environment."""
    variable, mode = recipe.environment.get("SWANLAB_MODE"), recipe.get_str("swanlab_mode")
    if variable and variable != mode and "swanlab" in recipe.get_list("report_to"):
        message = f"SWANLAB_MODE={variable} is ignored: swift passes {mode}"
        yield recipe.warn("swanlab_mode", message, "write --swanlab_mode local or cloud")


def swanlab_project(recipe: Recipe) -> Findings:
    """SwanLab's settings have no effect where it does not report."""
    if recipe.trains and "swanlab" not in recipe.get_list("report_to"):
        for flag in recipe.settings:
            if flag.startswith("swanlab_"):
                yield recipe.warn(flag, "has no effect without --report_to swanlab")


def swanlab_message(recipe: Recipe) -> Findings:
    """SwanLab does not know the way of notification, or lacks the settings of e-mail."""
    flag = "swanlab_notification_method"
    method = recipe.get_str(flag)
    missing = [name for name in _EMAIL if not recipe.is_set(name)]
    if method and method not in _NOTIFICATIONS:
        yield recipe.fail(flag, f"{method} is unknown", f"write one of {', '.join(_NOTIFICATIONS)}")
    elif method == "email" and missing:
        yield recipe.fail(flag, f"email needs {', '.join(missing)}", "add them")


def tracker_missing(recipe: Recipe) -> Findings:
    """A tracker is not installed, or stands beside `none` or `all`."""
    if not recipe.trains or not recipe.is_set("report_to"):
        return
    names = recipe.get_list("report_to")
    for name in names:
        if name in ("none", "all") and len(names) > 1:
            yield recipe.fail(
                "report_to", f"{name} stands alone", f"leave {name} or the others out"
            )
        package = name.replace("_", "-")
        if name in _TRACKERS and recipe.machine.lacks(package):
            fix = f"pip install {package}, or write none"
            yield recipe.fail("report_to", f"{package} is not installed", fix)


def wandb_key(recipe: Recipe) -> Findings:
    """Without a key Weights & Biases asks for one, and waits for ever without a terminal."""
    is_offline = recipe.environment.get("WANDB_MODE") in ("offline", "disabled")
    has_key = recipe.environment.get("WANDB_API_KEY") or (Path.home() / ".netrc").exists()
    reports = recipe.trains and "wandb" in recipe.get_list("report_to")
    if reports and not has_key and not is_offline:
        fix = "set WANDB_API_KEY or WANDB_MODE=offline"
        yield recipe.warn("report_to", "wandb has no key here, and will ask for one", fix)
