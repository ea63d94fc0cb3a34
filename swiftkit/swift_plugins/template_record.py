"""Which chat template a model was trained with: written by the training, heeded by whoever serves.

swift writes its arguments into args.json of each checkpoint, and a merge takes the file along. Here
three of them are kept in it, and read from it again:

    template_backend        jinja: the model's own chat template (native_template.py)
    enable_thinking         the thinking switch; serving takes it where the person gives none
    chat_template_sha256    of the template's text; another one at serving is said
"""

import json
from pathlib import Path
from typing import Any

from swift.arguments import BaseArguments
from swift.utils import get_logger

from swiftkit.rendering.model_folder import template_sha256

HASH = "chat_template_sha256"
logger = get_logger()


def differences(trained: dict[str, Any], backend: str, sha256: str) -> list[str]:
    """Return what is rendered otherwise than in the training whose args.json this is."""
    found = []
    before = trained.get("template_backend")
    if trained.get(HASH) and before != backend:
        found.append(f"trained with --template_backend {before}, and now it is {backend}")
    elif trained.get(HASH) and trained[HASH] != sha256:
        then, now = trained[HASH][:12], sha256[:12] or "none"
        found.append(f"trained with another chat template (SHA-256 {then}..., now {now}...)")
    return found


def _trained(args: Any) -> dict[str, Any]:
    """Return args.json of the training that a model or its adapter comes from."""
    for name in ("ckpt_dir", "model_dir"):  # Megatron's arguments may lack one of them
        folder = getattr(args, name, None)
        try:
            text = Path(folder, "args.json").read_text(encoding="utf-8") if folder else "{}"
            read = json.loads(text)
        except (OSError, ValueError):
            continue
        if isinstance(read, dict) and read:
            return read
    return {}


def _get_template(args: Any, processor: Any = None, **kwargs: Any) -> Any:
    trained = _trained(args)
    switch = trained.get("enable_thinking")
    is_native = args.template_backend == "jinja"
    if is_native and args.enable_thinking is None and isinstance(switch, bool):
        args.enable_thinking = switch
        logger.info(f"swiftkit: enable_thinking: {switch}, as the model was trained")
    template = _swift_get_template(args, processor, **kwargs)
    sha256 = template_sha256(Path(template.model_info.model_dir))
    if not getattr(template, "renders_itself", False):
        for difference in differences(trained, args.template_backend, sha256):
            fix = "serve it as it was trained, or the model sees prompts that it does not know"
            logger.warning(f"swiftkit: {difference}: {fix}")
    if is_native:
        setattr(args, HASH, sha256)
    return template


_swift_get_template = BaseArguments.get_template
BaseArguments.get_template = _get_template
