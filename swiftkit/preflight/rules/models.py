"""The model's type, template, adapters and number formats: what fits together, and what swift finds
out late."""

from collections.abc import Iterator
from pathlib import Path

from swiftkit.preflight.memory.estimate import zero_config
from swiftkit.recipe.arguments import table
from swiftkit.recipe.model_files import adapter_configs, config_of, is_gpt_oss, quantization
from swiftkit.recipe.recipe import Fault, Recipe

_HARMONY = Path("swiftkit/swift_plugins/harmony_template.py")
_QUANTIZED = ("bnb", "hqq", "eetq", "quanto")


def no_harmony(recipe: Recipe) -> Iterator[Fault]:
    """gpt-oss without the Harmony plugin: rows with tools are dropped, requests with tools fail."""
    told = (
        config_of(recipe).get("model_type") == "gpt_oss" or recipe.text("model_type") == "gpt_oss"
    )
    plugged = any(Path(file).name == _HARMONY.name for file in recipe.values("external_plugins"))
    if told and not plugged and not recipe.says("merge_lora"):
        message = "without the Harmony plugin ms-swift drops gpt-oss rows with tools"
        yield recipe.warn("external_plugins", message, f"add --external_plugins {_HARMONY}")


def ambiguous_model_type(recipe: Recipe) -> Iterator[Fault]:
    """A model folder whose architecture several model types share, and none is given."""
    folder = Path(recipe.text("model")).expanduser()
    if recipe.says("model_type") or not folder.is_dir() or (folder / "args.json").exists():
        return
    kinds = _kinds(config_of(recipe))
    if len(kinds) > 1 and not _known_name(folder):
        message = f"swift cannot tell which of {', '.join(kinds[:4])} {folder} is"
        yield recipe.fail("model", message, f"add --model_type {kinds[0]}")


def other_model_type(recipe: Recipe) -> Iterator[Fault]:
    """A model_type made for another architecture than config.json's."""
    kinds, given = _kinds(config_of(recipe)), recipe.text("model_type")
    if kinds and given in table().model_types and given not in kinds:
        message = (
            f"{given} is not the type of {recipe.text('model')}, whose config.json says {kinds[0]}"
        )
        yield recipe.warn("model_type", message, f"write {kinds[0]}")


def other_template(recipe: Recipe) -> Iterator[Fault]:
    """A template that belongs to another model."""
    given, kind = recipe.text("template"), table().model_types.get(recipe.text("model_type"))
    kinds = [kind] if kind else [table().model_types[name] for name in _kinds(config_of(recipe))]
    fitting = list(dict.fromkeys(name for kind in kinds for name in kind.templates))
    if (
        recipe.says("template")
        and fitting
        and given not in fitting
        and given in table().names["template"]
    ):
        message = f"{given} is no template of this model: its markup may be tokens that the model has never seen"
        yield recipe.warn("template", message, f"write {' or '.join(fitting[:4])}")


def adapter_of_another_model(recipe: Recipe) -> Iterator[Fault]:
    """An adapter that was trained on another base than --model."""
    if not recipe.says("model"):
        return
    given = Path(recipe.text("model")).expanduser()
    for folder, config in adapter_configs(recipe):
        base = str(config.get("base_model_name_or_path") or "")
        if base and Path(base).name != given.name and Path(base).resolve() != given.resolve():
            yield recipe.warn(
                "adapters", f"{folder} was trained on {base}", "give the same --model"
            )


def served_experts(recipe: Recipe) -> Iterator[Fault]:
    """An adapter on experts (target_parameters) that is to be served by its side: every request
    fails."""
    if recipe.verb not in ("deploy", "infer", "rollout") or recipe.true("merge_lora"):
        return
    for folder, config in adapter_configs(recipe):
        if config.get("target_parameters") and any(
            "=" in value for value in recipe.values("adapters")
        ):
            message = f"{folder} adapts parameters of experts, which swift cannot serve by name"
            yield recipe.fail(
                "adapters", message, "merge it: bash recipes/export_merge.sh --adapters ..."
            )


def expert_dropout(recipe: Recipe) -> Iterator[Fault]:
    """target_parameters with a dropout: peft allows none, and swift's default is 0.05."""
    if recipe.says("target_parameters") and recipe.number("lora_dropout") != 0:
        message = f"peft refuses lora_dropout {recipe.text('lora_dropout')} with target_parameters"
        yield recipe.fail("target_parameters", message, "add --lora_dropout 0", lora_dropout=["0"])


def too_long(recipe: Recipe) -> Iterator[Fault]:
    """A length beyond the positions that the model knows."""
    config = config_of(recipe)
    longest = config.get("max_position_embeddings")
    flag = "max_length" if recipe.trains else "max_model_len"
    flag = "vllm_max_model_len" if recipe.says("vllm_max_model_len") and not recipe.trains else flag
    given = recipe.number(flag) if recipe.says(flag) else None
    if isinstance(longest, int) and given and given > longest and not recipe.says("rope_scaling"):
        message = f"{given:.0f} tokens, but the model knows {longest} positions"
        yield recipe.warn(flag, message, f"write {longest} or less, or add --rope_scaling yarn")


def sharded_mxfp4(recipe: Recipe) -> Iterator[Fault]:
    """MXFP4 weights under ZeRO-3 or FSDP: each rank holds the whole dequantized model."""
    sharded = zero_config(recipe)[0] == 3 or bool(recipe.text("fsdp"))
    if recipe.trains and sharded and quantization(recipe) == "mxfp4":
        message = "MXFP4 is dequantized on every rank before it is sharded: each GPU holds the whole model"
        fix = f"convert once: python scripts/mxfp4_to_bf16.py {recipe.text('model')} {recipe.text('model')}-bf16"
        yield recipe.fail("model", message, fix, model=[f"{recipe.text('model')}-bf16"])


def untrainable_mxfp4(recipe: Recipe) -> Iterator[Fault]:
    """MXFP4 weights where the package `kernels` is installed: transformers keeps them packed, and
    they do not train."""
    if recipe.trains and quantization(recipe) == "mxfp4" and "kernels" in recipe.machine.versions:
        fix = "convert to bf16 once (scripts/mxfp4_to_bf16.py), or pip uninstall kernels"
        yield recipe.fail("model", "MXFP4 weights do not train where `kernels` is installed", fix)


def quantized_full(recipe: Recipe) -> Iterator[Fault]:
    """Full training of a quantized model."""
    loaded = recipe.text("quant_method") in _QUANTIZED or quantization(recipe) not in ("", "mxfp4")
    if recipe.trains and recipe.text("tuner_type") == "full" and loaded:
        flag = "quant_method" if recipe.says("quant_method") else "model"
        fix = "write --tuner_type lora, or load the model unquantized"
        yield recipe.fail(
            flag, "quantized weights have no gradients: full training cannot change them", fix
        )


def quantized_merge(recipe: Recipe) -> Iterator[Fault]:
    """Merging an adapter into weights that are loaded quantized."""
    if (
        recipe.verb == "export"
        and recipe.true("merge_lora")
        and recipe.says("quant_method", "quant_bits")
    ):
        fix = "merge first, then quantize the merged model"
        yield recipe.warn(
            "merge_lora",
            "is done before the weights are quantized, into the same folder's name",
            fix,
        )


def gpt_oss_attention(recipe: Recipe) -> Iterator[Fault]:
    """gpt-oss with an attention that does not know its sinks."""
    given = recipe.text("attn_impl")
    if is_gpt_oss(recipe) and given in ("sdpa", "flash_attn", "flash_attention_2"):
        message = f"gpt-oss has attention sinks, which {given} does not compute"
        yield recipe.fail("attn_impl", message, "write eager", attn_impl=["eager"])


def gpt_oss_packing(recipe: Recipe) -> Iterator[Fault]:
    """gpt-oss with packing or padding_free, which swift refuses for it."""
    for flag in ("packing", "padding_free"):
        if is_gpt_oss(recipe) and recipe.true(flag):
            yield recipe.fail(
                flag,
                "swift refuses it for gpt-oss",
                "leave it out; --group_by_length true saves padding",
            )


def dense_router(recipe: Recipe) -> Iterator[Fault]:
    """A router's loss for a model without experts."""
    config = config_of(recipe)
    dense = config.get("architectures") and not any("expert" in key for key in config)
    if dense and recipe.says("router_aux_loss_coef"):
        message = "has no effect: the model has no experts"
        yield recipe.warn(
            "router_aux_loss_coef", message, "leave it out", router_aux_loss_coef=None
        )


def _kinds(config: dict[str, object]) -> list[str]:
    """The model types whose architecture this is."""
    named = config.get("architectures")
    wanted = named[0] if isinstance(named, list) and named else None
    return [name for name, kind in table().model_types.items() if wanted in kind.architectures]


def _known_name(folder: Path) -> bool:
    """swift also matches a folder's name with the models it lists: Qwen3-8B is told by its name."""
    return folder.resolve().name.lower() in table().model_names
