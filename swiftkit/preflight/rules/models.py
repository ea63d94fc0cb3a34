"""Model type, template, adapters and number formats that do not fit together, which swift finds out
late."""

from pathlib import Path

from swiftkit.preflight.data_rows import first_rows
from swiftkit.preflight.memory.estimate import zero_config
from swiftkit.recipe.arguments import listed_model, table
from swiftkit.recipe.model_files import (
    adapter_configs,
    is_gpt_oss,
    model_config,
    quantization,
    saved_arguments,
)
from swiftkit.recipe.recipe import Findings, Recipe
from swiftkit.recipe.templates import model_types_of, template_of, types_of

_HARMONY = Path("swiftkit/swift_plugins/harmony_template.py")


def no_harmony(recipe: Recipe) -> Findings:
    """gpt-oss needs the Harmony plugin for rows and requests with tools."""
    types = (model_config(recipe).get("model_type"), recipe.get_str("model_type"))
    plugins = [Path(file).name for file in recipe.get_list("external_plugins")]
    if "gpt_oss" in types and _HARMONY.name not in plugins and not recipe.is_set("merge_lora"):
        message = "without the Harmony plugin ms-swift drops gpt-oss rows with tools"
        yield recipe.warn("external_plugins", message, f"add --external_plugins {_HARMONY}")


def ambiguous_model_type(recipe: Recipe) -> Findings:
    """Several model types share the architecture of a model folder, and none is given."""
    folder = Path(recipe.get_str("model")).expanduser()
    if recipe.is_set("model_type") or not folder.is_dir() or (folder / "args.json").exists():
        return
    # swift also matches a folder's name with the models it lists: Qwen3-8B is clear.
    is_listed = listed_model(recipe.get_str("model")) is not None
    types = model_types_of(model_config(recipe))
    if len(types) > 1 and not is_listed:
        message = f"swift cannot tell which of {', '.join(types[:4])} {folder} is"
        yield recipe.fail("model", message, f"add --model_type {types[0]}")


def other_model_type(recipe: Recipe) -> Findings:
    """A model_type is made for another architecture than config.json's."""
    types, wanted = model_types_of(model_config(recipe)), recipe.get_str("model_type")
    if types and wanted in table().model_types and wanted not in types:
        model = recipe.get_str("model")
        message = f"{wanted} is not the type of {model}, whose config.json says {types[0]}"
        yield recipe.warn("model_type", message, f"write {types[0]}")


def ambiguous_template(recipe: Recipe) -> Findings:
    """Several templates, or none, go with a model type, and none is given."""
    if recipe.is_set("template") or not recipe.is_set("model") or template_of(recipe):
        return
    types = types_of(recipe)
    if len(types) == 1:
        templates = table().model_types[types[0]].templates
        message = f"swift cannot tell which template goes with {types[0]}"
        fix = f"add --template, one of {', '.join(templates) or 'those that ms-swift lists'}"
        yield recipe.fail("model_type" if recipe.is_set("model_type") else "model", message, fix)


def no_agent_template(recipe: Recipe) -> Findings:
    """Rows with tools cannot be written in a template that has no agent template."""
    template = template_of(recipe)
    is_harmony = template == "gpt_oss"  # no_harmony looks at it
    if table().agent_templates.get(template) != "" or is_harmony or recipe.is_set("agent_template"):
        return
    if not recipe.trains and saved_arguments(recipe).get("agent_template"):
        return
    for row in first_rows(recipe):
        roles = [message.get("role") for message in row.messages]
        if (row.content or {}).get("tools") or "tool_call" in roles:
            message = f"{template} has no agent template, and {row.place} has tools"
            fix = "add --agent_template hermes, or the one that the model was trained with"
            flag = "template" if recipe.is_set("template") else "model"
            yield recipe.fail(flag, message, fix)
            return


def number_of_labels(recipe: Recipe) -> Findings:
    """A classification needs num_labels; other tasks have none."""
    task, flag = recipe.get_str("task_type"), "num_labels"
    saved = {} if recipe.trains else saved_arguments(recipe)
    is_set = recipe.is_set(flag) or saved.get(flag) or recipe.stage == "rm"
    if task == "seq_cls" and not is_set:
        yield recipe.fail("task_type", "seq_cls needs a number of classes", "add --num_labels 2")
    elif recipe.is_set(flag) and task not in ("", "seq_cls", "reranker"):
        yield recipe.warn(flag, f"has no effect: {task} has no labels")


def other_template(recipe: Recipe) -> Findings:
    """A template belongs to another model."""
    fitting: list[str] = []
    for name in types_of(recipe):
        fitting += table().model_types[name].templates
    template = recipe.get_str("template")
    is_known = recipe.is_set("template") and template in table().names["template"]
    if is_known and fitting and template not in fitting:
        message = f"{template} is not a template of this model: its markup may be tokens"
        message += " that the model has never seen"
        fix = f"write {' or '.join(list(dict.fromkeys(fitting))[:4])}"
        yield recipe.warn("template", message, fix)


def adapter_of_another_model(recipe: Recipe) -> Findings:
    """An adapter was trained on another base than --model."""
    if not recipe.is_set("model"):
        return
    model = Path(recipe.get_str("model")).expanduser()
    for folder, config in adapter_configs(recipe):
        base = Path(str(config.get("base_model_name_or_path") or ""))
        if base.name and base.name != model.name and base.resolve() != model.resolve():
            message = f"{folder} was trained on {base}"
            yield recipe.warn("adapters", message, "give the same --model")


def served_experts(recipe: Recipe) -> Findings:
    """Requests fail for an adapter on experts (target_parameters) that is served by name."""
    if recipe.verb not in ("deploy", "infer", "rollout") or recipe.get_bool("merge_lora"):
        return
    by_name = any("=" in value for value in recipe.get_list("adapters"))
    for folder, config in adapter_configs(recipe):
        if by_name and config.get("target_parameters"):
            message = f"{folder} adapts parameters of experts, which swift cannot serve by name"
            fix = "merge it: bash recipes/export_merge.sh --adapters ..."
            yield recipe.fail("adapters", message, fix)


def expert_dropout(recipe: Recipe) -> Findings:
    """peft allows no dropout with target_parameters, and swift's default is 0.05."""
    if recipe.is_set("target_parameters") and recipe.get_float("lora_dropout") != 0:
        dropout = recipe.get_str("lora_dropout")
        message = f"peft refuses lora_dropout {dropout} with target_parameters"
        yield recipe.fail("target_parameters", message, "add --lora_dropout 0", lora_dropout=["0"])


def too_long(recipe: Recipe) -> Findings:
    """A length is beyond the positions that the model knows."""
    longest = model_config(recipe).get("max_position_embeddings")
    flags = ("max_length",) if recipe.trains else ("vllm_max_model_len", "max_model_len")
    flag = next(iter(recipe.present(*flags)), "")
    length = recipe.get_float(flag)
    is_scaled = recipe.is_set("rope_scaling")
    if isinstance(longest, int) and length and length > longest and not is_scaled:
        message = f"{length:.0f} tokens, but the model knows {longest} positions"
        yield recipe.warn(flag, message, f"write {longest} or less, or add --rope_scaling yarn")


def sharded_mxfp4(recipe: Recipe) -> Findings:
    """Under ZeRO-3 or FSDP each rank would hold the whole dequantized model of MXFP4 weights."""
    sharded = zero_config(recipe)[0] == 3 or bool(recipe.get_str("fsdp"))
    if recipe.trains and sharded and quantization(recipe) == "mxfp4":
        model = recipe.get_str("model")
        message = "MXFP4 is dequantized on every rank before it is sharded"
        message += ": each GPU holds the whole model"
        fix = f"convert once: python scripts/mxfp4_to_bf16.py {model} {model}-bf16"
        yield recipe.fail("model", message, fix, model=[f"{model}-bf16"])


def untrainable_mxfp4(recipe: Recipe) -> Findings:
    """transformers keeps MXFP4 weights packed where `kernels` is installed: they do not train."""
    if recipe.trains and quantization(recipe) == "mxfp4" and "kernels" in recipe.machine.versions:
        fix = "convert to bf16 once (scripts/mxfp4_to_bf16.py), or pip uninstall kernels"
        yield recipe.fail("model", "MXFP4 weights do not train where `kernels` is installed", fix)


def quantized_full(recipe: Recipe) -> Findings:
    """Full training cannot change quantized weights."""
    is_loaded_so = recipe.get_str("quant_method") in ("bnb", "hqq", "eetq", "quanto")
    is_quantized = is_loaded_so or quantization(recipe) not in ("", "mxfp4")
    if recipe.trains and recipe.get_str("tuner_type") == "full" and is_quantized:
        flag = "quant_method" if recipe.is_set("quant_method") else "model"
        message = "quantized weights have no gradients: full training cannot change them"
        yield recipe.fail(flag, message, "write --tuner_type lora, or load the model unquantized")


def quantized_merge(recipe: Recipe) -> Findings:
    """An adapter is merged before the weights are quantized."""
    merges = recipe.verb == "export" and recipe.get_bool("merge_lora")
    if merges and recipe.is_set("quant_method", "quant_bits"):
        message = "is done before the weights are quantized, into the same folder's name"
        yield recipe.warn("merge_lora", message, "merge first, then quantize the merged model")


def gpt_oss_attention(recipe: Recipe) -> Findings:
    """gpt-oss has attention sinks, which this attention does not know."""
    attention = recipe.get_str("attn_impl")
    if attention in ("sdpa", "flash_attn", "flash_attention_2") and is_gpt_oss(recipe):
        message = f"gpt-oss has attention sinks, which {attention} does not compute"
        yield recipe.fail("attn_impl", message, "write eager", attn_impl=["eager"])


def gpt_oss_packing(recipe: Recipe) -> Findings:
    """swift refuses packing and padding_free for gpt-oss."""
    for flag in ("packing", "padding_free"):
        if recipe.get_bool(flag) and is_gpt_oss(recipe):
            fix = "leave it out; --group_by_length true saves padding"
            yield recipe.fail(flag, "swift refuses it for gpt-oss", fix)


def dense_router(recipe: Recipe) -> Findings:
    """A router's loss has no effect on a model without experts."""
    config = model_config(recipe)
    is_dense = config.get("architectures") and not any("expert" in key for key in config)
    if is_dense and recipe.is_set("router_aux_loss_coef"):
        yield recipe.warn("router_aux_loss_coef", "has no effect: the model has no experts")
