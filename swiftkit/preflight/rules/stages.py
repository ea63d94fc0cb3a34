"""The needs of each stage of rlhf. swift tells most of them only after its imports, some after the
model was loaded."""

from swiftkit.preflight.data_rows import REWARDS
from swiftkit.recipe.arguments import table
from swiftkit.recipe.recipe import Findings, Recipe
from swiftkit.recipe.switches import is_on
from swiftkit.terminal import shorten

_LIGER_GRPO = ("delta", "padding_free", "log_entropy", "off_policy_sequence_mask_delta")
_SOURCES = ("reward_funcs", "reward_model", "teacher_model", "teacher_model_server")


def no_reward(recipe: Recipe) -> Findings:
    """GRPO needs a reward."""
    is_given = recipe.is_set(*_SOURCES) or _may_be_a_gym(recipe)
    if recipe.stage == "grpo" and not is_given:
        message = "none is given: nothing tells a good answer from a bad one"
        plugin = "swiftkit/swift_plugins/tool_call_reward.py"
        fix = f"add --reward_funcs tool_call --external_plugins {plugin}"
        yield recipe.fail("reward_funcs", message, fix)


def reward_weights(recipe: Recipe) -> Findings:
    """There are not as many reward_weights as rewards."""
    if recipe.stage != "grpo" or not recipe.is_set("reward_weights"):
        return
    rewards = len(recipe.get_list("reward_funcs")) + len(recipe.get_list("reward_model"))
    weights = len(recipe.get_list("reward_weights"))
    is_right = weights == rewards + recipe.get_bool("use_gym_env")
    if not is_right and not (_may_be_a_gym(recipe) and weights in (rewards, rewards + 1)):
        message = f"{weights} weights for {rewards} rewards"
        yield recipe.fail("reward_weights", message, "write one for each reward")


def _may_be_a_gym(recipe: Recipe) -> bool:
    """Return True if a gym gives the reward, or may: swift asks the rollout server whether it does
    (rollout_mixin.py)."""
    if recipe.is_set("use_gym_env"):
        return recipe.get_bool("use_gym_env")
    return recipe.is_set("gym_env") or recipe.get_str("vllm_mode") == "server"


def unaudited_reward(recipe: Recipe) -> Findings:
    """A reward of your own can be audited before it trains."""
    known = {*REWARDS, *table().names["reward_funcs"]}
    others = [name for name in recipe.get_list("reward_funcs") if name not in known]
    if recipe.stage == "grpo" and others and not is_on(recipe.environment, "AUDIT"):
        message = f"{shorten(', '.join(others), 60)}: can it be cheated?"
        fix = "AUDIT=1 before the recipe, or swiftkit audit, looks (docs/audit.md)"
        yield recipe.tell("reward_funcs", message, fix)


def soft_overlong(recipe: Recipe) -> Findings:
    """The reward soft_overlong needs its length."""
    has_reward = "soft_overlong" in recipe.get_list("reward_funcs")
    if has_reward and not recipe.is_set("soft_cache_length"):
        message = "soft_overlong needs soft_cache_length"
        yield recipe.fail("reward_funcs", message, "add --soft_cache_length 256")


def grpo_truncation(recipe: Recipe) -> Findings:
    """GRPO refuses this truncation."""
    flag = "truncation_strategy"
    strategy = recipe.get_str(flag)
    if recipe.stage == "grpo" and strategy not in ("", "left", "delete", "None"):
        message = f"GRPO refuses {strategy}"
        yield recipe.fail(flag, message, "write delete", truncation_strategy=["delete"])


def split_truncation(recipe: Recipe) -> Findings:
    """truncation_strategy split is for pre-training only."""
    is_other = recipe.verb in ("sft", "rlhf") and recipe.stage != "grpo"
    if is_other and recipe.get_str("truncation_strategy") == "split":
        message, fix = "split is for pre-training only", "write delete, or use swift pt"
        yield recipe.fail("truncation_strategy", message, fix, truncation_strategy=["delete"])


def grpo_cached_data(recipe: Recipe) -> Findings:
    """GRPO cannot read data that was tokenized before."""
    for flag in recipe.present("cached_dataset", "cached_val_dataset"):
        if recipe.stage == "grpo":
            yield recipe.fail(flag, "GRPO reads rows, not tokens", "give the rows by --dataset")


def grpo_liger(recipe: Recipe) -> Findings:
    """liger's GRPO loss does not compute this setting."""
    if recipe.stage != "grpo" or not recipe.get_bool("use_liger_kernel"):
        return
    flags = recipe.present(*_LIGER_GRPO)
    flags = [flag for flag in flags if recipe.get_str(flag).lower() not in ("false", "0")]
    if (recipe.get_float("top_entropy_quantile") or 1) < 1:
        flags.append("top_entropy_quantile")
    if recipe.get_str("advantage_estimator") not in ("", "grpo"):
        flags.append("advantage_estimator")
    for flag in flags:
        message = "liger's GRPO loss does not compute it"
        yield recipe.fail(flag, message, "leave it or use_liger_kernel out")


def asynchronous(recipe: Recipe) -> Findings:
    """async_generate needs a vLLM server, and answers of one turn."""
    flag = "async_generate"
    if not recipe.get_bool(flag):
        return
    if recipe.stage == "gkd" or recipe.is_set("multi_turn_scheduler"):
        yield recipe.fail(flag, "swift has it for GRPO of one turn only")
    elif recipe.get_str("vllm_mode") != "server":
        fix = "start `swift rollout`, and add --vllm_mode server"
        yield recipe.fail(flag, "needs a vLLM server", fix)


def packed_stage(recipe: Recipe) -> Findings:
    """The stage does not know packing or padding_free."""
    for flag in ("packing", "padding_free"):
        packs = recipe.verb == "rlhf" and recipe.get_bool(flag)
        if packs and recipe.stage not in ("grpo", "dpo", "kto", "gkd"):
            yield recipe.fail(flag, f"{recipe.stage} does not support it")


def parallel_stage(recipe: Recipe) -> Findings:
    """The stage does not know sequence_parallel_size, or it does not divide the processes."""
    flag = "sequence_parallel_size"
    size = recipe.get_int(flag, 1)
    if size > 1 and recipe.verb == "rlhf" and recipe.stage not in ("grpo", "dpo"):
        yield recipe.fail(flag, f"{recipe.stage} does not support it")
    elif size > 1 and recipe.trains and recipe.processes % size:
        message = f"{size} does not divide the {recipe.processes} processes"
        yield recipe.fail(flag, message, "write a divisor of the processes")


def ppo_reward(recipe: Recipe) -> Findings:
    """PPO needs a reward model, and not an adapter."""
    if recipe.stage != "ppo":
        return
    if recipe.is_set("reward_adapters"):
        fix = "merge the reward model first, and give it by --reward_model"
        yield recipe.fail("reward_adapters", "PPO stops at them: no attribute 'score'", fix)
    elif not recipe.is_set("reward_model"):
        fix = "train one (rlhf_type rm), merge it, add --reward_model DIR"
        yield recipe.fail("reward_model", "none is given", fix)


def ppo_steps(recipe: Recipe) -> Findings:
    """PPO counts epochs, not max_steps."""
    if recipe.stage == "ppo" and recipe.get_int("max_steps", -1) > 0:
        message = "PPO takes epochs as its limit"
        yield recipe.warn("max_steps", message, "write --num_train_epochs", max_steps=None)


def needless_reference(recipe: Recipe) -> Findings:
    """swift refuses ref_model where the reference is the model without its adapter."""
    if recipe.verb != "rlhf" or not recipe.is_set("ref_model"):
        return
    has_reference = recipe.stage in ("dpo", "kto", "ppo", "grpo")
    is_needed = has_reference and recipe.get_str("tuner_type") == "full"
    is_off = recipe.stage == "grpo" and recipe.get_float("beta") == 0
    if not is_needed and not is_off:
        yield recipe.fail("ref_model", "swift refuses it here")


def reference_adapters(recipe: Recipe) -> Findings:
    """The stage has no reference for ref_adapters, or there is more than one."""
    flag = "ref_adapters"
    if recipe.verb != "rlhf" or not recipe.is_set(flag):
        return
    if recipe.stage not in ("dpo", "kto", "grpo"):
        yield recipe.fail(flag, f"{recipe.stage} has no reference")
    elif len(recipe.get_list(flag)) > 1:
        yield recipe.fail(flag, "swift takes one", "merge the others into the model")


def loss_weights(recipe: Recipe) -> Findings:
    """Only DPO mixes several losses, with one weight for each."""
    if recipe.verb != "rlhf":
        return
    losses, weights = len(recipe.get_list("loss_type")), len(recipe.get_list("loss_weights"))
    if (losses > 1 or weights) and recipe.stage != "dpo":
        yield recipe.fail("loss_type", "only DPO mixes several losses", "write one loss_type")
    elif weights and weights != max(losses, 1):
        message = f"{weights} weights for {max(losses, 1)} losses"
        yield recipe.fail("loss_weights", message, "write one for each")


def gkd_teacher(recipe: Recipe) -> Findings:
    """GKD has two teachers, a server without gkd_logits_topk, or the old sequence loss."""
    if recipe.stage not in ("gkd", "grpo"):
        return
    flag = "teacher_model_server"
    if recipe.is_set("teacher_model") and recipe.is_set(flag):
        yield recipe.fail(flag, "and teacher_model exclude each other", "keep one")
    elif recipe.stage == "gkd" and recipe.is_set(flag) and not recipe.is_set("gkd_logits_topk"):
        yield recipe.fail(flag, "needs gkd_logits_topk", "add --gkd_logits_topk 20")
    if recipe.get_bool("seq_kd"):
        yield recipe.fail("seq_kd", "is no longer implemented")


def gkd_liger(recipe: Recipe) -> Findings:
    """GKD's liger loss needs a teacher of its own, and no gkd_logits_topk."""
    has_teacher = recipe.is_set("teacher_model", "teacher_model_server")
    clashes = recipe.is_set("gkd_logits_topk") or not has_teacher
    if recipe.stage == "gkd" and recipe.get_bool("use_liger_kernel") and clashes:
        message = "does not go with gkd_logits_topk, nor with the model as its own teacher"
        yield recipe.fail("use_liger_kernel", message)
