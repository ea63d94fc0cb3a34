"""What each stage of rlhf asks for. swift says most of it only after its imports, some after the
model was loaded."""

from collections.abc import Iterator

from swiftkit.recipe.recipe import Fault, Recipe

_LIGER_GRPO = {"delta": "a two-sided loss", "padding_free": "padding_free", "log_entropy": "log_entropy",
               "off_policy_sequence_mask_delta": "off-policy masks"}  # fmt: skip
_PACKS = ("grpo", "dpo", "kto", "gkd")


def no_reward(recipe: Recipe) -> Iterator[Fault]:
    """GRPO without a reward."""
    sources = (
        "reward_funcs",
        "reward_model",
        "teacher_model",
        "teacher_model_server",
        "use_gym_env",
        "gym_env",
    )
    if recipe.stage == "grpo" and not recipe.says(*sources):
        fix = "add --reward_funcs tool_call --external_plugins swiftkit/swift_plugins/tool_call_reward.py"
        yield recipe.fail(
            "reward_funcs", "none is given: nothing tells a good answer from a bad one", fix
        )


def reward_weights(recipe: Recipe) -> Iterator[Fault]:
    """reward_weights of another number than the rewards."""
    if recipe.stage != "grpo" or not recipe.says("reward_weights"):
        return
    rewards = (
        len(recipe.values("reward_funcs"))
        + len(recipe.values("reward_model"))
        + recipe.true("use_gym_env")
    )
    given = len(recipe.values("reward_weights"))
    if given != rewards:
        yield recipe.fail(
            "reward_weights", f"{given} weights for {rewards} rewards", "write one for each reward"
        )


def soft_overlong(recipe: Recipe) -> Iterator[Fault]:
    """The reward soft_overlong without its length."""
    if "soft_overlong" in recipe.values("reward_funcs") and not recipe.says("soft_cache_length"):
        yield recipe.fail(
            "reward_funcs", "soft_overlong needs soft_cache_length", "add --soft_cache_length 256"
        )


def grpo_truncation(recipe: Recipe) -> Iterator[Fault]:
    """A truncation that GRPO refuses."""
    given = recipe.text("truncation_strategy")
    if recipe.stage == "grpo" and given not in ("", "left", "delete", "None"):
        yield recipe.fail(
            "truncation_strategy",
            f"GRPO refuses {given}",
            "write delete",
            truncation_strategy=["delete"],
        )


def split_truncation(recipe: Recipe) -> Iterator[Fault]:
    """truncation_strategy split outside of pre-training."""
    if (
        recipe.verb in ("sft", "rlhf")
        and recipe.stage != "grpo"
        and recipe.text("truncation_strategy") == "split"
    ):
        fix = "write delete, or use swift pt"
        yield recipe.fail(
            "truncation_strategy",
            "split is for pre-training only",
            fix,
            truncation_strategy=["delete"],
        )


def grpo_cached_data(recipe: Recipe) -> Iterator[Fault]:
    """GRPO with data that was tokenized before."""
    for flag in recipe.says("cached_dataset", "cached_val_dataset"):
        if recipe.stage == "grpo":
            yield recipe.fail(flag, "GRPO reads rows, not tokens", "give the rows by --dataset")


def grpo_liger(recipe: Recipe) -> Iterator[Fault]:
    """liger's GRPO loss with what it cannot compute."""
    if recipe.stage != "grpo" or not recipe.true("use_liger_kernel"):
        return
    clashes = [
        flag
        for flag in recipe.says(*_LIGER_GRPO)
        if recipe.text(flag).lower() not in ("false", "0")
    ]
    if (recipe.number("top_entropy_quantile") or 1) < 1:
        clashes.append("top_entropy_quantile")
    if recipe.text("advantage_estimator") not in ("", "grpo"):
        clashes.append("advantage_estimator")
    for flag in clashes:
        yield recipe.fail(
            flag, "liger's GRPO loss does not compute it", "leave it or use_liger_kernel out"
        )


def asynchronous(recipe: Recipe) -> Iterator[Fault]:
    """async_generate without a vLLM server, or with several turns."""
    if not recipe.true("async_generate"):
        return
    if recipe.stage == "gkd" or recipe.says("multi_turn_scheduler"):
        yield recipe.fail(
            "async_generate",
            "swift has it for GRPO of one turn only",
            "leave it out",
            async_generate=None,
        )
    elif recipe.text("vllm_mode") != "server":
        yield recipe.fail(
            "async_generate",
            "needs a vLLM server",
            "start `swift rollout`, and add --vllm_mode server",
        )


def packed_stage(recipe: Recipe) -> Iterator[Fault]:
    """packing or padding_free in a stage that does not know them."""
    for flag in ("packing", "padding_free"):
        if recipe.verb == "rlhf" and recipe.true(flag) and recipe.stage not in _PACKS:
            yield recipe.fail(
                flag, f"{recipe.stage} does not support it", "leave it out", **{flag: None}
            )


def parallel_stage(recipe: Recipe) -> Iterator[Fault]:
    """sequence_parallel_size in a stage that does not know it, or that does not divide the
    processes."""
    size = recipe.whole("sequence_parallel_size", 1)
    if size > 1 and recipe.verb == "rlhf" and recipe.stage not in ("grpo", "dpo"):
        message = f"{recipe.stage} does not support it"
        yield recipe.fail(
            "sequence_parallel_size", message, "leave it out", sequence_parallel_size=None
        )
    elif size > 1 and recipe.trains and recipe.processes % size:
        message = f"{size} does not divide the {recipe.processes} processes"
        yield recipe.fail("sequence_parallel_size", message, "write a divisor of the processes")


def ppo_reward(recipe: Recipe) -> Iterator[Fault]:
    """PPO without a reward model, or with one that is an adapter."""
    if recipe.stage != "ppo":
        return
    if recipe.says("reward_adapters"):
        message = "PPO stops at them: no attribute 'score'"
        yield recipe.fail(
            "reward_adapters",
            message,
            "merge the reward model first, and give it by --reward_model",
        )
    elif not recipe.says("reward_model"):
        yield recipe.fail(
            "reward_model",
            "none is given",
            "train one (rlhf_type rm), merge it, add --reward_model DIR",
        )


def ppo_steps(recipe: Recipe) -> Iterator[Fault]:
    """max_steps in PPO, which counts epochs."""
    if recipe.stage == "ppo" and recipe.whole("max_steps", -1) > 0:
        yield recipe.warn(
            "max_steps", "PPO takes epochs as its limit", "write --num_train_epochs", max_steps=None
        )


def needless_reference(recipe: Recipe) -> Iterator[Fault]:
    """ref_model where none is wanted: LoRA's reference is the model without its adapter."""
    wanted = recipe.stage in ("dpo", "kto", "ppo", "grpo") and recipe.text("tuner_type") == "full"
    if recipe.verb == "rlhf" and recipe.says("ref_model") and not wanted:
        off = recipe.stage == "grpo" and recipe.number("beta") == 0
        if not off:
            yield recipe.fail("ref_model", "swift refuses it here", "leave it out", ref_model=None)


def reference_adapters(recipe: Recipe) -> Iterator[Fault]:
    """ref_adapters in a stage without a reference, or more than one."""
    if recipe.verb == "rlhf" and recipe.says("ref_adapters"):
        if recipe.stage not in ("dpo", "kto", "grpo"):
            yield recipe.fail(
                "ref_adapters",
                f"{recipe.stage} has no reference",
                "leave it out",
                ref_adapters=None,
            )
        elif len(recipe.values("ref_adapters")) > 1:
            yield recipe.fail("ref_adapters", "swift takes one", "merge the others into the model")


def loss_weights(recipe: Recipe) -> Iterator[Fault]:
    """Several losses outside of DPO, or weights of another number than the losses."""
    losses, weights = recipe.values("loss_type"), recipe.values("loss_weights")
    if recipe.verb != "rlhf":
        return
    if (len(losses) > 1 or weights) and recipe.stage != "dpo":
        yield recipe.fail("loss_type", "only DPO mixes several losses", "write one loss_type")
    elif weights and len(weights) != max(len(losses), 1):
        yield recipe.fail(
            "loss_weights",
            f"{len(weights)} weights for {max(len(losses), 1)} losses",
            "write one for each",
        )


def gkd_teacher(recipe: Recipe) -> Iterator[Fault]:
    """Two teachers, a teacher's server without gkd_logits_topk, or the sequence loss that swift
    gave up."""
    if recipe.stage not in ("gkd", "grpo"):
        return
    if recipe.says("teacher_model") and recipe.says("teacher_model_server"):
        yield recipe.fail(
            "teacher_model_server", "and teacher_model exclude each other", "keep one"
        )
    elif (
        recipe.stage == "gkd"
        and recipe.says("teacher_model_server")
        and not recipe.says("gkd_logits_topk")
    ):
        yield recipe.fail(
            "teacher_model_server", "needs gkd_logits_topk", "add --gkd_logits_topk 20"
        )
    if recipe.true("seq_kd"):
        yield recipe.fail("seq_kd", "is no longer implemented", "leave it out", seq_kd=None)


def gkd_liger(recipe: Recipe) -> Iterator[Fault]:
    """GKD's liger loss with itself as teacher, or with gkd_logits_topk."""
    clash = recipe.says("gkd_logits_topk") or not recipe.says(
        "teacher_model", "teacher_model_server"
    )
    if recipe.stage == "gkd" and recipe.true("use_liger_kernel") and clash:
        message = "does not go with gkd_logits_topk, nor with the model as its own teacher"
        yield recipe.fail("use_liger_kernel", message, "leave it out", use_liger_kernel=None)
