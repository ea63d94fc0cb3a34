"""Modules and parameters that a recipe names and the model does not have. peft and swift train the
rest without a word, or stop after the model was loaded."""

import difflib
import re
from pathlib import Path

from swiftkit.recipe.model_files import model_config, weight_names
from swiftkit.recipe.recipe import Findings, Recipe

# Tied to the embeddings, or made for the stage: no weights of their own
_ALWAYS = {"lm_head", "score", "v_head"}


def missing_modules(recipe: Recipe) -> Findings:
    """The model has no module of this name, so it is not trained."""
    modules = _modules(_weights(recipe))
    for flag in recipe.present("target_modules", "modules_to_save") if modules else ():
        values = recipe.settings[flag]
        unknown = [value for value in values if not _is_module(value, modules)]
        if not unknown:
            continue
        message = f"the model has no module {', '.join(unknown)[:200]}"
        words = ",".join(unknown).replace(",", " ").split()
        if words != unknown and all(_is_module(word, modules) for word in words):
            names = [value for value in values if value not in unknown] + words
            fix = f"write one word for each: {' '.join(names)}"
            yield recipe.fail(flag, message, fix, **{flag: names})
            continue
        ends = sorted({module.rpartition(".")[2] for module in modules} - {*"0123456789"})
        near = difflib.get_close_matches(unknown[0], ends, n=3, cutoff=0.5)
        fix = f"try {', '.join(near or ends[:8])}"
        # A list for several families is usual, as long as one of its names fits.
        is_part = flag == "target_modules" and len(unknown) < len(values)
        yield (recipe.warn if is_part else recipe.fail)(flag, message, fix)


def unmatched_regex(recipe: Recipe) -> Findings:
    """target_regex is no regular expression, or matches no whole name of a module."""
    flag, modules = "target_regex", _modules(_weights(recipe))
    pattern = recipe.get_str(flag)
    if not modules or not recipe.is_set(flag) or not pattern:
        return
    try:
        fits = any(re.fullmatch(pattern, module) for module in modules)
    except re.error as error:
        yield recipe.fail(flag, f"is no regular expression: {error}", "mend it")
    else:
        if not fits:
            fix = "it has to match a whole name, as .*self_attn.q_proj does"
            yield recipe.fail(flag, "matches no module of the model", fix)


def missing_parameters(recipe: Recipe) -> Findings:
    """No parameter's name begins so, and nothing is frozen or trained by it."""
    names = _weights(recipe)
    if recipe.get_str("tuner_type") != "full" or not names:
        return
    beginnings = list(dict.fromkeys(".".join(name.split(".")[:2]) for name in names))
    for flag in recipe.present("freeze_parameters", "trainable_parameters"):
        for value in recipe.settings[flag]:
            if not any(name.startswith(value) for name in [*names, "lm_head."]):
                message = f"no parameter's name begins with {value[:200]}"
                fix = f"the names begin with {', '.join(beginnings[:4])}"
                yield recipe.fail(flag, message, fix)


def _weights(recipe: Recipe) -> list[str]:
    """Return the names of the weights of a dense language model in training; else nothing.

    The names of others change when they are loaded: experts are fused, towers get a prefix.
    """
    config = model_config(recipe)
    is_text = "ForCausalLM" in str(config.get("architectures"))
    is_dense = not any("expert" in key for key in config)
    if not recipe.trains or not is_text or not is_dense:
        return []
    return weight_names(Path(recipe.get_str("model")).expanduser())


def _modules(weights: list[str]) -> set[str]:
    """Return the names of all modules, from those of their weights; empty without weights."""
    modules = set(_ALWAYS) if weights else set()
    for name in weights:
        parts = name.split(".")
        modules.update(".".join(parts[:length]) for length in range(1, len(parts)))
    return modules


def _is_module(value: str, modules: set[str]) -> bool:
    """Return True if peft finds it: a module's name, or the end of one after a dot."""
    if value.startswith("all-"):  # swift's all-linear, all-embedding, all-norm, all-router
        return True
    return any(f".{module}".endswith(f".{value}") for module in modules)
