"""For each rule of preflight a recipe that breaks it: additions to a good one, machine, files."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from swiftkit.preflight.examine import examine
from swiftkit.recipe.machine import Gpu, Machine
from swiftkit.recipe.recipe import RecipeFinding

GB = 10**9
PACKAGES = "ms-swift deepspeed liger-kernel triton vllm bitsandbytes flash-attn swanlab tensorboard autoawq gptqmodel"
H100 = Gpu("NVIDIA H100", 80 * GB, 80 * GB, 9.0)
V100 = Gpu("NVIDIA V100", 32 * GB, 32 * GB, 7.0)
VERSIONS = dict.fromkeys(PACKAGES.split(), "1")
ONE = Machine((H100,), VERSIONS)
FOUR = Machine((H100,) * 4, VERSIONS)
OLD = Machine((V100,), VERSIONS)
NO_GPU = Machine((), VERSIONS)
BARE = Machine((H100,), {"ms-swift": "4.6.0"})

QUESTION = {"role": "user", "content": "q"}
ANSWER = {"role": "assistant", "content": "a"}
CALL = {"role": "tool_call", "content": '{"name": "f", "arguments": {}}'}
QWEN: dict[str, Any] = {
    "architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "hidden_size": 64, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "intermediate_size": 96, "vocab_size": 128,
    "max_position_embeddings": 4096,
}  # fmt: skip
GPT_OSS = QWEN | {
    "architectures": ["GptOssForCausalLM"],
    "model_type": "gpt_oss",
    "num_local_experts": 4,
}
LARGE = QWEN | {
    "hidden_size": 8192,
    "num_hidden_layers": 80,
    "intermediate_size": 28672,
    "vocab_size": 150000,
}

GOOD = {
    "sft": "model: model\nmodel_type: qwen3\ntemplate: qwen3\ndataset: [train.jsonl]\ncheck_model: false\nsave_total_limit: 2\n",
    "grpo": "rlhf_type: grpo\nmodel: model\nmodel_type: qwen3\ntemplate: qwen3\ndataset: [grpo.jsonl]\nreward_funcs: [accuracy]\n"
    "per_device_train_batch_size: 8\nsave_total_limit: 2\n",
    "dpo": "rlhf_type: dpo\nmodel: model\nmodel_type: qwen3\ntemplate: qwen3\ndataset: [dpo.jsonl]\nsave_total_limit: 2\n",
    "kto": "rlhf_type: kto\nmodel: model\nmodel_type: qwen3\ntemplate: qwen3\ndataset: [kto.jsonl]\nsave_total_limit: 2\n",
    "ppo": "rlhf_type: ppo\nmodel: model\nmodel_type: qwen3\ntemplate: qwen3\ndataset: [grpo.jsonl]\nreward_model: [model]\n",
    "gkd": "rlhf_type: gkd\nmodel: model\nmodel_type: qwen3\ntemplate: qwen3\ndataset: [train.jsonl]\nteacher_model: model\n",
    "deploy": "model: model\nmodel_type: qwen3\ntemplate: qwen3\nmax_batch_size: 32\n",
    "infer": "model: model\nmodel_type: qwen3\ntemplate: qwen3\n",
    "export": "model: model\nmodel_type: qwen3\ntemplate: qwen3\noutput_dir: exported\n",
    "rollout": "model: model\nmodel_type: qwen3\ntemplate: qwen3\n",
    "eval": "model: model\nmodel_type: qwen3\ntemplate: qwen3\n",
    "oss": "model: oss\nmodel_type: gpt_oss\ndataset: [train.jsonl]\nexternal_plugins: [harmony_template.py]\n"
    "save_total_limit: 2\n",
}
VERBS = {"grpo": "rlhf", "dpo": "rlhf", "kto": "rlhf", "ppo": "rlhf", "gkd": "rlhf", "oss": "sft"}


@dataclass(frozen=True)
class Broken:
    """`base` is a good recipe; `yaml` is added to it (a key again replaces), `without` is taken out
    of it."""

    base: str = "sft"
    yaml: str = ""
    flags: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    machine: Machine = ONE
    environment: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    message: str = ""


def preflight(
    recipe: Path,
    flags: Sequence[str],
    environment: Mapping[str, str] = os.environ,
    machine: Machine | None = None,
    verb: str = "",
) -> list[RecipeFinding]:
    """Return the findings about a recipe with its flags; none when it is good."""
    return examine(recipe, flags, environment, machine, verb)[1]


def make_good_files(folder: Path) -> None:
    """Two complete models, an adapter, and rows for every stage."""
    for name, config in (("model", QWEN), ("oss", GPT_OSS)):
        write(
            folder,
            {f"{name}/config.json": json.dumps(config), f"{name}/model.safetensors": "x" * 2000},
        )
        write(folder, {f"{name}/tokenizer.json": "{}"})
    write(
        folder,
        {
            "lora/adapter_config.json": '{"base_model_name_or_path": "model"}',
            "run/checkpoint-3/adapter_config.json": "{}",
            "run/checkpoint-3/trainer_state.json": "{}",
            "harmony_template.py": "",
        },
    )
    write(
        folder,
        {"train.jsonl": row(messages=[QUESTION, ANSWER]), "grpo.jsonl": row(messages=[QUESTION])},
    )
    write(folder, {"dpo.jsonl": row(messages=[QUESTION, ANSWER], rejected_response="b")})
    write(folder, {"kto.jsonl": row(messages=[QUESTION, ANSWER], label=True)})


def write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def row(**columns: Any) -> str:
    return json.dumps(columns) + "\n"


def recipe_text(broken: Broken) -> str:
    added = {line.partition(":")[0] for line in broken.yaml.splitlines() if line[:1].isalpha()}
    lines = GOOD[broken.base].splitlines()
    kept = [line for line in lines if line.partition(":")[0] not in added | set(broken.without)]
    return "\n".join([*kept, broken.yaml]) + "\n"


def data(*columns: Mapping[str, Any]) -> dict[str, str]:
    return {"rows.jsonl": "".join(row(**one) for one in columns)}


ROWS = "dataset: [rows.jsonl]"
NODES = {"NNODES": "2", "NODE_RANK": "1", "MASTER_ADDR": "10.0.0.1", "MASTER_PORT": "29500"}
_long = {"messages": [QUESTION, {"role": "assistant", "content": "a" * 200_000}]}
GOLD_OF_GLM = {"messages": [QUESTION], "expected_calls": "[]", "scoring": '{"wire_format": "glm4"}'}
_pair = {"messages": [QUESTION, ANSWER]}

_names = ["model.layers.0.self_attn.q_proj.weight", "model.layers.0.self_attn.v_proj.weight"]
WEIGHTS = {
    "model/model.safetensors.index.json": json.dumps(
        {"weight_map": dict.fromkeys(_names, "model.safetensors")}
    )
}

JINJA = "template_backend: jinja"
_turn = "<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n"
_header = "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"


def chat_template(turn: str, header: str = _header) -> dict[str, str]:
    """The files that give the model a chat template."""
    text = f"{{% for m in messages %}}{turn}{{% endfor %}}{header}"
    config = '{"eos_token": "<|im_end|>"}'
    return {"model/chat_template.jinja": text, "model/tokenizer_config.json": config}


CHATML = chat_template(_turn)
REFUSING = chat_template("{{ raise_exception('no') }}")
CHANGING = chat_template(
    _turn.replace(
        "m.content", "m.content + (' ' if m.role == 'assistant' and not loop.last else '')"
    )
)
SWITCHED = chat_template(
    _turn,
    _header.replace("{% endif", "{{ '' if enable_thinking is false else '<think>' }}{% endif"),
)

BROKEN: dict[str, list[Broken]] = {
    # keys
    "renamed_key": [
        Broken(yaml="train_type: lora", message="write tuner_type"),
        Broken(yaml="overwrite_output_dir: true", message="leave it out"),
        Broken(yaml="max_samples: 100", message="FILE#1000"),
        Broken(yaml="model_name_or_path: model", without=("model",), message="write model"),
        Broken(yaml="model_id_or_path: other", message="leave it out: model is given"),
        Broken(yaml="finetuning_type: lora", message="write tuner_type"),
        Broken(yaml="lora_target: q_proj,v_proj", message="write target_modules q_proj v_proj"),
        Broken(yaml="lora_target: all", message="write target_modules all-linear"),
        Broken(yaml="val_size: 0.1", message="write split_dataset_ratio"),
        Broken(yaml="use_swanlab: true", message="write report_to swanlab"),
        Broken(yaml="dtype: bf16", message="write torch_dtype bfloat16"),
        Broken("infer", "use_flash_attn: true", message="write attn_impl flash_attn"),
        Broken("deploy", flags=("--limit", "3"), message="takes those after --"),
    ],
    "unknown_key": [
        Broken(yaml="learning_rte: 1e-4", message="write learning_rate"),
        Broken(yaml="xyzzy: 1"),
        Broken(yaml="max_rows: 100", message="look it up"),
    ],
    "key_of_another_verb": [Broken("export", "check_model: false", message="sft"), Broken("infer", "use_cpu: true")],
    "ambiguous_key": [Broken(yaml="max_: 3", message="could be"), Broken(flags=("--lora", "8"))],
    "abbreviated_key": [Broken(yaml="learning_rat: 1e-4", message="write learning_rate")],
    "key_twice": [Broken(yaml="max_steps: 3\nmax_steps: 4", message="recipe.yaml:7")],
    "secret_in_recipe": [Broken(yaml="hub_token: abc", message="HF_TOKEN"), Broken("deploy", "api_key: abc")],
    "shadowed_variable": [Broken(yaml="ENV: {USE_HF: 1}", environment={"USE_HF": "0"}, message="USE_HF")],
    # values
    "wrong_type": [Broken(yaml="max_length: many", message="whole number"), Broken(yaml="strict: perhaps")],
    "wrong_choice": [Broken(yaml="swanlab_mode: offline\nreport_to: [swanlab]", message="cloud, local"), Broken(yaml="optim: adamw", message="try adamw_")],
    "missing_value": [Broken(flags=("--max_length",), message="--max_length VALUE")],
    "too_many_values": [Broken(yaml="max_length: [1024, 2048]", message="takes 1")],
    "value_like_a_flag": [Broken("grpo", "beta: -1e-4", message="--beta=-1e-4")],
    "broken_json": [
        Broken(yaml="columns: query", message="not a JSON object"),
        Broken(yaml="gradient_checkpointing_kwargs: '{use_reentrant: false}'", message="swift guesses"),
    ],
    "out_of_range": [Broken(yaml="split_dataset_ratio: 2", message="not a share"), Broken(yaml="max_length: 0"), Broken(yaml="num_train_epochs: 0", message="trains nothing"), Broken(yaml="learning_rate: 10", message="1e-4")],
    "unknown_name": [
        Broken(yaml="template: qwen33", message="try qwen"),
        Broken(yaml="tuner_type: lorra"),
        Broken(yaml="loss_scale: default+nothing"),
        Broken(yaml="model_type: qwen99"),
        Broken("grpo", "reward_funcs: [tool_call]"),
        Broken(yaml="lr_scheduler_type: cosin", message="try cosine"),
        Broken(yaml="report_to: [swanlabs]", message="try swanlab"),
        Broken(yaml="deepspeed: default-zero3", message="try zero3"),
        Broken(yaml="deepspeed: ds_z3", message="zero3"),
        Broken(yaml="fsdp: fsdp"),
        Broken(yaml="eval_strategy: step\nsplit_dataset_ratio: 0.1", message="try steps"),
        Broken(yaml="attn_impl: flash", message="flash_attn"),
        Broken(yaml="optimizer: muo", message="try muon"),
        Broken(yaml="callbacks: [early_stopping]", message="try early_stop"),
        Broken(yaml="loss_type: infonc", message="try infonce"),
        Broken(yaml="rope_scaling: yarnn", message="try yarn"),
        Broken(yaml="device_map: auot", message="try auto"),
        Broken(yaml="init_weights: pisa", message="try pissa"),
        Broken("dpo", "loss_type: sigmoyd", message="try sigmoid"),
        Broken("grpo", "gym_env: maths_env", message="try math_env"),
        Broken("gkd", "teacher_model_type: qwen33", message="try qwen3"),
    ],
    # files
    "no_model": [Broken(without=("model",)), Broken("infer", without=("model",))],
    "no_dataset": [Broken(without=("dataset",))],
    "missing_model": [Broken(yaml="model: ./none"), Broken(yaml="model: models/Qwen3-8B"), Broken(yaml="model: train.jsonl", message="is a file")],
    "adapter_as_model": [
        Broken("export", "model: lora\nmerge_lora: true", message="give it by --adapters lora, and its base model by --model model"),
        Broken("deploy", "model: lora", files={"lora/args.json": "{}"}, message="give it by --adapters lora"),
        Broken(yaml="model: lora", message="--adapters lora"),
        Broken("gkd", "teacher_model: lora", message="--teacher_adapters lora"),
        Broken("grpo", "reward_model: [lora]", message="merge it first"),
        Broken("infer", "model: run", message="--adapters run/checkpoint-3"),
        Broken("infer", "adapters: [model]", message="give it by --model model"),
        Broken("infer", "adapters: [full]", files={"full/v0-1/checkpoint-2/config.json": "{}"}, message="--model full/v0-1/checkpoint-2"),
    ],
    "incomplete_model": [
        Broken(yaml="model: kto.d", files={"kto.d/x": ""}, message="has no config.json"),
        Broken(yaml="model: full", files={"full/v0-1/checkpoint-2/config.json": "{}"}, message="write full/v0-1/checkpoint-2"),
        Broken(files={"model/model.safetensors.index.json": '{"weight_map": {"a": "model-2.safetensors"}}'}, message="lacks 1"),
        Broken(files={"model/model.safetensors": "version https://git-lfs.github.com/spec/v1\n"}, message="git lfs pull"),
    ],
    "missing_adapter": [
        Broken("infer", "adapters: [run]", message="write run/checkpoint-3"),
        Broken("infer", "adapters: [./no]"),
        Broken("infer", "adapters: [lora/adapter_config.json]", message="is a file"),
    ],
    "incomplete_checkpoint": [
        Broken(yaml="resume_from_checkpoint: lora", message="trainer_state"),
        Broken(yaml="resume_from_checkpoint: model", message="start from it: --model model"),
        Broken(yaml="resume_from_checkpoint: model\ntuner_type: full", message="not a checkpoint"),
        Broken(yaml="resume_from_checkpoint: run", message="write run/checkpoint-3"),
        Broken(yaml="resume_from_checkpoint: run/checkpoint-3\ntuner_type: full", message="tuner_type lora"),
    ],
    "missing_data": [Broken(yaml="dataset: [none.jsonl#5]", message="none.jsonl")],
    "sample_count": [Broken(yaml="dataset: [train.jsonl#many]", message="FILE#1000")],
    "unreadable_data": [
        Broken(yaml="dataset: [rows.tsv]", files={"rows.tsv": "query\tresponse\n"}, message="swiftkit convert"),
        Broken(yaml="dataset: [./rows.jsonl.gz]", files={"rows.jsonl.gz": "x"}, message=".gz"),
    ],
    "empty_data": [
        Broken(yaml=ROWS, files={"rows.jsonl": "\n \n"}, message="is empty"),
        Broken(yaml="dataset: [rows.json]", files={"rows.json": "[\n]"}, message="is empty"),
        Broken(yaml="dataset: [rows.csv]", files={"rows.csv": "query,response\n"}, message="is empty"),
    ],
    "bad_plugin": [Broken(yaml="external_plugins: [reward.py]"), Broken(yaml="external_plugins: [lora]", message="not a .py")],
    "missing_file": [Broken(yaml="deepspeed: ./zero.json"), Broken(yaml="system: prompt.txt")],
    "unexpanded_variable": [
        Broken(yaml="output_dir: ${HOME}/runs", message="${HOME}"),
        Broken(yaml="dataset: [$DATA/rows.jsonl]", message="$DATA"),
    ],
    "unreachable_hub": [Broken(yaml="model: Qwen/Qwen3-8B", environment={"HF_HUB_OFFLINE": "1", "HF_HOME": "none"}), Broken(yaml="dataset: [swift/rows]", files={"swift/x": ""}, message="correct the path")],
    # outputs
    "old_export": [
        Broken("export", "output_dir: lora"),
        Broken("export", "output_dir: lora\nmerge_lora: true\nexist_ok: true"),
    ],
    "unwritable_output": [
        Broken(yaml="output_dir: train.jsonl/x", message="is a file"),
        Broken(yaml="output_dir: train.jsonl", message="is a file"),
        Broken("infer", "val_dataset: [train.jsonl]\nresult_path: lora", message="is a folder"),
    ],
    "full_disk": [
        Broken(yaml="tuner_type: full", files={"model/config.json": json.dumps(LARGE | {"vocab_size": 10**12})}, message="GB"),
    ],
    "mixed_checkpoints": [
        Broken(yaml="output_dir: out\nadd_version: false", files={"out/checkpoint-5/x": ""}, message="1 checkpoints"),
    ],
    "symlink_without_evaluation": [Broken(yaml="create_checkpoint_symlink: true")],
    "without_evaluation": [
        Broken(yaml="early_stop_interval: 3", message="split_dataset_ratio"),
        Broken(yaml="lr_scheduler_type: reduce_lr_on_plateau"),
        Broken(yaml="save_strategy: best\nsplit_dataset_ratio: 0.1", message="--eval_strategy steps"),
    ],
    "best_model": [
        Broken(yaml="load_best_model_at_end: true", message="no evaluation"),
        Broken(yaml="load_best_model_at_end: true\nsplit_dataset_ratio: 0.1\neval_strategy: epoch", message="by steps"),
        Broken(yaml="load_best_model_at_end: true\nsplit_dataset_ratio: 0.1\neval_steps: 300", message="multiple"),
    ],
    "appended_results": [Broken("infer", "val_dataset: [train.jsonl]\nresult_path: kto.jsonl", message="appended")],
    # models
    "no_harmony": [Broken("oss", without=("external_plugins",)), Broken("infer", "model: oss\nmodel_type: gpt_oss")],
    "ambiguous_model_type": [Broken(without=("model_type",), message="--model_type qwen3")],
    "other_model_type": [Broken(yaml="model_type: llama3_1\n".replace("llama3_1", "llama"), message="qwen3")],
    "ambiguous_template": [
        Broken(without=("template",), message="qwen3_nothinking"),
        Broken(yaml="model_type: llama", without=("template",), message="llama3_2"),
    ],
    "no_agent_template": [
        Broken(yaml=f"template: chatml\n{ROWS}", files=data({"messages": [QUESTION, ANSWER], "tools": "[{}]"}), message="rows.jsonl:1"),
        Broken(yaml=f"template: chatml\n{ROWS}", files=data({"messages": [QUESTION, CALL]}), message="agent_template hermes"),
    ],
    "number_of_labels": [
        Broken(yaml="task_type: seq_cls", message="--num_labels 2"),
        Broken(yaml="task_type: causal_lm\nnum_labels: 2", message="has no effect"),
    ],
    "missing_modules": [
        Broken(yaml="target_modules: ['q_proj,v_proj']", files=WEIGHTS, message="one word for each: q_proj v_proj"),
        Broken(yaml="modules_to_save: [lm_heads]", files=WEIGHTS, message="try lm_head"),
        Broken(yaml="target_modules: [q_proj, query_key_value]", files=WEIGHTS, message="query_key_value"),
    ],
    "unmatched_regex": [
        Broken(yaml="target_regex: q_proj", files=WEIGHTS, message="whole name"),
        Broken(yaml="target_regex: '['", files=WEIGHTS, message="regular expression"),
    ],
    "missing_parameters": [
        Broken(yaml="tuner_type: full\nfreeze_parameters: [layers.0]", files=WEIGHTS, message="model.layers"),
    ],
    "other_template": [Broken(yaml="template: gpt_oss", message="qwen3")],
    "adapter_of_another_model": [
        Broken("infer", "adapters: [lora]", files={"lora/adapter_config.json": '{"base_model_name_or_path": "o/else"}'}),
    ],
    "served_experts": [
        Broken("deploy", "adapters: [a=lora]", files={"lora/adapter_config.json": '{"target_parameters": ["mlp.experts"]}'}),
    ],
    "expert_dropout": [Broken("oss", "target_parameters: [mlp.experts.down_proj]", message="lora_dropout 0")],
    "too_long": [Broken(yaml="max_length: 8192", message="4096")],
    "sharded_mxfp4": [
        Broken(yaml="model: gpt-oss-20b\ndeepspeed: zero3", environment={"USE_HF": "1"}, message="mxfp4_to_bf16"),
    ],
    "untrainable_mxfp4": [
        Broken("oss", machine=Machine((H100,), VERSIONS | {"kernels": "1"}),
               files={"oss/config.json": json.dumps(GPT_OSS | {"quantization_config": {"quant_method": "mxfp4"}})}),
    ],
    "quantized_full": [Broken(yaml="tuner_type: full\nquant_method: bnb\nquant_bits: 4", message="gradients")],
    "quantized_merge": [Broken("export", "adapters: [lora]\nmerge_lora: true\nquant_method: bnb\nquant_bits: 4")],
    "gpt_oss_attention": [Broken("oss", "attn_impl: sdpa", message="eager")],
    "gpt_oss_packing": [Broken("oss", "packing: true\nattn_impl: flash_attention_3")],
    "dense_router": [Broken(yaml="router_aux_loss_coef: 0.01", message="no experts")],
    # hardware
    "broken_gpu": [
        Broken(machine=Machine((H100, H100._replace(fault="nvidia-smi says of GPU 1: ERR!")), VERSIONS), message="GPU 1"),
        Broken(machine=Machine((H100,), VERSIONS, "nvidia-smi says: GPU is lost"), message="GPU is lost"),
    ],
    "deepspeed_without_gpu": [Broken(yaml="deepspeed: zero3", machine=NO_GPU, message="no GPU")],
    "deepspeed_missing": [Broken(yaml="deepspeed: zero3", machine=BARE)],
    "zero3_on_cpu": [Broken(yaml="deepspeed: zero3\nuse_cpu: true\nfp16: false", machine=NO_GPU, message="zero2")],
    "deepspeed_taken_away": [Broken(yaml="deepspeed: zero2", environment={"ACCELERATE_USE_CPU": "true"})],
    "deepspeed_and_fsdp": [Broken(yaml="deepspeed: zero2\nfsdp: fsdp2")],
    "sharded_by_one_process": [Broken(yaml="deepspeed: zero2", machine=FOUR, message="NPROC_PER_NODE=4")],
    "uneven_processes": [Broken(machine=FOUR, environment={"NPROC_PER_NODE": "3"}, message="4 GPUs")],
    "processes_apart": [Broken(machine=NO_GPU, environment={"NPROC_PER_NODE": "2"}, message="use_cpu true")],
    "half_of_the_answers": [
        Broken("infer", "val_dataset: [train.jsonl]", machine=NO_GPU, environment={"NPROC_PER_NODE": "2"}),
    ],
    "fsdp_on_cpu": [Broken(yaml="fsdp: fsdp2\nuse_cpu: true\nfp16: false", machine=NO_GPU)],
    "fsdp_model_only": [Broken(yaml="fsdp: fsdp2\nsave_only_model: true")],
    "no_gpu": [Broken(machine=NO_GPU, message="use_cpu true")],
    "large_model_on_cpu": [
        Broken(yaml="use_cpu: true\ntorch_dtype: float32\nfp16: false", files={"model/config.json": json.dumps(LARGE)}, machine=NO_GPU, message="GPUS=0"),
        Broken(files={"model/config.json": json.dumps(LARGE)}, machine=NO_GPU._replace(gpu_problem="nvidia-smi failed"), message="nvidia-smi failed"),
        Broken(yaml="model: Qwen/Qwen3-8B\nuse_cpu: true\ntorch_dtype: float32\nfp16: false", machine=NO_GPU, message="8 billion"),
        Broken(yaml="model: Qwen/Qwen3-30B-A3B-Instruct-2507", machine=NO_GPU, message="30 billion"),
        Broken(yaml="model: openai-mirror/gpt-oss-20b", machine=NO_GPU, message="20 billion"),
    ],
    "half_precision_on_cpu": [Broken(yaml="use_cpu: true\ntorch_dtype: float32", machine=NO_GPU, message="fp16 false")],
    "two_precisions": [Broken(yaml="fp16: true\nbf16: true")],
    "old_gpu": [Broken(yaml="torch_dtype: bfloat16", machine=OLD, message="float16")],
    # nodes
    "no_master": [
        Broken(environment={"NNODES": "2"}, message="MASTER_ADDR"),
        Broken(environment={"NNODES": "2", "NODE_RANK": "1", "MASTER_PORT": "29500"}, message="NNODES=2 without MASTER_ADDR"),
    ],
    "node_numbers": [
        Broken(environment=NODES | {"NNODES": "1:4"}, message="whole number"),
        Broken(environment=NODES | {"NODE_RANK": "2"}, message="0 to 1"),
    ],
    "node_alone": [
        Broken(environment={"NODE_RANK": "1", "MASTER_ADDR": "10.0.0.1"}, message="NNODES"),
        Broken(environment={"MASTER_ADDR": "10.0.0.1"}, message="has no effect"),
    ],
    "loopback_master": [Broken(environment=NODES | {"MASTER_ADDR": "localhost"}), Broken(environment=NODES | {"MASTER_ADDR": "127.0.1.1"})],
    "endless_wait": [Broken(environment=NODES, message="208 days")],
    "ray_ignored": [Broken("grpo", "use_ray: true", message="recipes/ray"), Broken("dpo", flags=("--use_ray", "true"))],
    "ray_without_groups": [Broken(yaml="use_ray: true", message="device_groups")],
    # kernels
    "liger_without_triton": [
        Broken(yaml="use_liger_kernel: true", machine=BARE, message="triton"),
        Broken(yaml="use_liger_kernel: true\nuse_cpu: true\nfp16: false", machine=NO_GPU),
    ],
    "flash_attention_missing": [Broken(yaml="attn_impl: flash_attn", machine=BARE, message="flash-attn")],
    "flash_attention_3": [
        Broken(yaml="attn_impl: flash_attention_3", machine=Machine((V100,), VERSIONS | {"kernels": "1"}), message="Hopper"),
    ],
    "packing_without_flash": [Broken(yaml="packing: true\nattn_impl: sdpa", message="flash_attn")],
    "packing_and_lazy": [Broken(yaml="packing: true\nattn_impl: flash_attn\nlazy_tokenize: true")],
    "quantizer_missing": [Broken(yaml="quant_method: bnb\nquant_bits: 4", machine=BARE, message="bitsandbytes")],
    "quantization_incomplete": [
        Broken(yaml="quant_bits: 4", message="quant_method"),
        Broken(yaml="quant_method: bnb", message="quant_bits"),
        Broken(yaml="quant_method: bnb\nquant_bits: 3", message="4 or 8"),
    ],
    "calibration_data": [Broken("export", "quant_method: awq\nquant_bits: 4", message="--dataset")],
    "fp8_without_gpu": [Broken("export", "quant_method: fp8", machine=NO_GPU)],
    "vllm_missing": [
        Broken("deploy", "infer_backend: vllm", machine=BARE, message="not installed"),
        Broken("grpo", "use_vllm: true\nvllm_mode: colocate", machine=BARE),
        Broken("rollout", machine=BARE),
    ],
    "vllm_without_vllm": [Broken("grpo", "vllm_max_model_len: 4096", message="no effect")],
    "vllm_mode": [
        Broken("grpo", "vllm_mode: colocate", message="use_vllm"),
        Broken("grpo", "use_vllm: true", message="colocate"),
        Broken("grpo", "use_vllm: true\nvllm_mode: server", message="vllm_server_host"),
    ],
    "vllm_shards": [
        Broken("grpo", "use_vllm: true\nvllm_mode: colocate\nvllm_tensor_parallel_size: 2", message="divide"),
        Broken("deploy", "infer_backend: vllm\nvllm_tensor_parallel_size: 2", message="1 are there"),
    ],
    # batches
    "group_of_one": [Broken("grpo", "num_generations: 1")],
    "uneven_groups": [
        Broken("grpo", "per_device_train_batch_size: 4", message="groups of 8"),
        Broken("grpo", "num_generations: 16", message="--num_generations 2 or 4 or 8"),
    ],
    "generation_batch": [
        Broken("grpo", "generation_batch_size: 12", message="write 8"),
        Broken("grpo", "generation_batch_size: 32\nsteps_per_generation: 2"),
    ],
    "uneven_evaluation": [Broken("grpo", "split_dataset_ratio: 0.1\nper_device_eval_batch_size: 2", message="groups of 8")],
    "batch_of_one": [Broken("kto", "gradient_accumulation_steps: 1", message="batch of one")],
    "warmup_beyond_end": [Broken(yaml="warmup_steps: 100\nmax_steps: 50")],
    "never_saved": [Broken(yaml="save_steps: 100\nmax_steps: 50", message="write 25")],
    "streamed_epochs": [Broken(yaml="streaming: true", message="max_steps")],
    # dead
    "dead_save_steps": [Broken(yaml="save_strategy: epoch\nsave_steps: 50")],
    "dead_evaluation": [Broken(yaml="eval_steps: 50", message="split_dataset_ratio")],
    "dead_eval_steps": [Broken(yaml="save_strategy: epoch\neval_steps: 50\nsplit_dataset_ratio: 0.1", message="epoch")],
    "dead_split": [Broken(yaml="val_dataset: [kto.jsonl]\nsplit_dataset_ratio: 0.1")],
    "dead_self_cognition": [Broken(yaml="model_name: robot")],
    "dead_empty_think": [Broken("oss", "loss_scale: ignore_empty_think")],
    "dead_epochs": [Broken(yaml="max_steps: 5\nnum_train_epochs: 2")],
    "dead_tuner_settings": [Broken(yaml="tuner_type: full\nlora_rank: 8"), Broken(yaml="freeze_parameters: [a]")],
    "dead_stage_settings": [Broken("dpo", "reward_funcs: [accuracy]", message="grpo")],
    "dead_regex": [Broken(yaml="target_regex: q_proj\ntarget_modules: [q_proj]")],
    "two_warmups": [Broken(yaml="warmup_ratio: 0.1\nwarmup_steps: 5"), Broken(yaml="warmup_ratio: 5", message="warmup_steps 5")],
    "two_starts": [
        Broken(yaml="adapters: [lora]\nresume_from_checkpoint: lora", files={"lora/trainer_state.json": "{}"}),
    ],
    "hub_check": [Broken(without=("check_model",), environment={"HF_HUB_OFFLINE": "1"}, message="check_model false")],
    "lost_rows": [Broken(yaml="truncation_strategy: right")],
    # stages
    "no_reward": [
        Broken("grpo", without=("reward_funcs",)),
        Broken("grpo", "use_gym_env: false", without=("reward_funcs",)),
    ],
    "reward_weights": [Broken("grpo", "reward_weights: ['1', '2']", message="2 weights for 1")],
    "unaudited_reward": [Broken("grpo", "reward_funcs: [mine]", message="can it be cheated")],
    "soft_overlong": [Broken("grpo", "reward_funcs: [soft_overlong]", message="soft_cache_length")],
    "grpo_truncation": [Broken("grpo", "truncation_strategy: right")],
    "split_truncation": [Broken(yaml="truncation_strategy: split")],
    "grpo_cached_data": [Broken("grpo", "cached_dataset: [lora]")],
    "grpo_liger": [Broken("grpo", "use_liger_kernel: true\ndelta: 0.5")],
    "asynchronous": [
        Broken("grpo", "async_generate: true", message="swift rollout"),
        Broken("gkd", "async_generate: true", message="one turn"),
    ],
    "packed_stage": [Broken("ppo", "padding_free: true\nattn_impl: flash_attn")],
    "parallel_stage": [
        Broken("kto", "sequence_parallel_size: 2", message="kto"),
        Broken(yaml="sequence_parallel_size: 3", environment={"NPROC_PER_NODE": "4"}, machine=FOUR, message="4 processes"),
    ],
    "ppo_reward": [Broken("ppo", without=("reward_model",)), Broken("ppo", "reward_adapters: [lora]", message="merge")],
    "ppo_steps": [Broken("ppo", "max_steps: 5")],
    "needless_reference": [Broken("dpo", "ref_model: model")],
    "reference_adapters": [Broken("ppo", "ref_adapters: [lora]"), Broken("dpo", "ref_adapters: [lora, lora]", message="one")],
    "loss_weights": [Broken("kto", "loss_type: [a, b]"), Broken("dpo", "loss_type: [a, b]\nloss_weights: ['1']")],
    "gkd_teacher": [
        Broken("gkd", "teacher_model_server: http://x", message="exclude"),
        Broken("gkd", "teacher_model_server: http://x", without=("teacher_model",), message="topk"),
        Broken("gkd", "seq_kd: true"),
    ],
    "gkd_liger": [Broken("gkd", "use_liger_kernel: true\ngkd_logits_topk: 5")],
    # data
    "broken_row": [
        Broken(yaml=ROWS, files={"rows.jsonl": row(**_pair) + "{oops\n"}, message="rows.jsonl:2"),
        Broken(yaml="dataset: [rows.json]", files={"rows.json": row(**_pair)[:20]}, message="rows.json:1"),
        Broken(yaml="dataset: [rows.json]", files={"rows.json": f"[{row(**_pair)}, 3]"}, message="rows.json:2"),
        Broken(yaml="dataset: [rows.json]", files={"rows.json": f"[{row(**_pair)}"}, message="not closed"),
        Broken(yaml="dataset: [rows.json]", files={"rows.json": f"\ufeff[{row(**_pair)}]"}, message="byte order mark"),
        Broken(yaml=ROWS, files={"rows.jsonl": row(**_pair) * 300 + '{"messages": ['}, message="the last row"),
        Broken(yaml="dataset: [rows.csv]", files={"rows.csv": "query,response\na,b\nc,d,e\n"}, message="3 cells under 2 names"),
    ],
    "no_conversation": [Broken(yaml=ROWS, files=data({"a": 1}), message="rows.jsonl:1")],
    "no_answer": [
        Broken(yaml=ROWS, files=data(_pair, {"messages": [QUESTION]}), message="rows.jsonl:2"),
        Broken(yaml=ROWS, files=data({"query": "q"})),
    ],
    "no_rejected": [Broken("dpo", ROWS, files=data(_pair), message="rejected_response")],
    "no_label": [
        Broken("kto", ROWS, files=data(_pair), message="label"),
        Broken(yaml=f"task_type: seq_cls\nnum_labels: 2\n{ROWS}", files=data({"messages": [QUESTION]}), message="label"),
    ],
    "kto_ending": [Broken("kto", ROWS, files=data({"messages": [QUESTION, CALL], "label": True}))],
    "answer_in_prompt": [Broken("grpo", ROWS, files=data({"messages": [QUESTION, CALL]}))],
    "answer_left_out": [Broken("grpo", ROWS, files=data(_pair))],
    "answer_leaks": [Broken("infer", "val_dataset: [rows.jsonl]", files=data({"messages": [QUESTION, CALL]}))],
    "unrewarded_row": [
        Broken("grpo", "reward_funcs: [tool_call]\nexternal_plugins: [p.py]\n" + ROWS,
               files=data({"messages": [QUESTION]}) | {"p.py": "orms['tool_call'] = 1"}, message="no expected_calls"),
        Broken("grpo", "reward_funcs: [tool_call]\nexternal_plugins: [p.py]\n" + ROWS, files=data(GOLD_OF_GLM) | {"p.py": "orms['tool_call'] = 1"},
               message="wire format is glm4, and this training's is hermes (convert again with --wire-format hermes"),
        Broken("grpo", "reward_funcs: [tool_call]\nexternal_plugins: [p.py]\nagent_template: mine\n" + ROWS,
               files=data(GOLD_OF_GLM) | {"p.py": "orms['tool_call'] = 1\nagent_template_map['mine'] = 1"}, message="mine is not known to swiftkit"),
        Broken("grpo", "reward_funcs: [tool_call]\nexternal_plugins: [p.py]\n" + ROWS, files=data(GOLD_OF_GLM) | {"p.py": "orms['tool_call'] = 1"},
               environment={"SWIFTKIT_WIRE_FORMAT": "hermez"}, message="SWIFTKIT_WIRE_FORMAT hermez"),
    ],
    "nested_value": [Broken(yaml=ROWS, files=data(_pair | {"tools": [{"name": "f"}]}), message="JSON string")],
    "mixed_content": [
        Broken(yaml=ROWS, files=data(_pair, {"messages": [{"role": "user", "content": [{"type": "text"}]}, ANSWER]})),
    ],
    "changing_column": [Broken(yaml=ROWS, files=data(_pair | {"id": 1}, _pair | {"id": "a"}), message="a number before")],
    "late_column": [Broken(yaml=ROWS, files=data(*[_long] * 60, _pair | {"tools": "[]"}), message="rows.jsonl:61")],
    "dropped_key": [
        Broken(yaml=ROWS, files=data({"messages": [QUESTION, ANSWER | {"reasoning_content": "r"}]}), message="reasoning"),
    ],
    "unknown_role": [Broken(yaml=ROWS, files=data({"messages": [{"role": "function", "content": ""}, ANSWER]}))],
    "joined_turns": [Broken(yaml=ROWS, files=data({"messages": [QUESTION, QUESTION, ANSWER]}))],
    "same_file_twice": [Broken(yaml="val_dataset: [train.jsonl]")],
    # the model's own chat template
    "no_chat_template": [
        Broken(yaml=JINJA, message="template_backend swift"),
        Broken(yaml=JINJA, files={"model/chat_template.jinja": "{% if %}"}, message="Jinja"),
    ],
    "jinja_without_plugin": [
        Broken(yaml="template_backend: jinja\nexternal_plugins: [swiftkit/swift_plugins/swanlab_run.py]", message="native_template.py"),
    ],
    "dropped_turn": [
        Broken(yaml=f"{JINJA}\n{ROWS}", files=CHATML | data({"messages": [QUESTION, CALL]}), message="drops calls (lost, 1 such"),
        Broken(yaml=f"{JINJA}\n{ROWS}", files=REFUSING | data(_pair), message="no (refused, 1 such"),
        Broken("grpo", f"{JINJA}\n{ROWS}", files=REFUSING | data({"messages": [QUESTION]}), message="rows.jsonl:1"),
    ],
    "turn_without_loss": [
        Broken(yaml=f"{JINJA}\n{ROWS}", files=CHANGING | data(_pair, {"messages": [QUESTION, ANSWER] * 2}), message="own_row 1 in the first"),
        Broken(yaml=f"{JINJA}\n{ROWS}", files=SWITCHED | data(_pair, _pair), message="needs 2 in the first"),
    ],
    "swift_template": [Broken(files=CHATML, message="swiftkit parity")],
    "old_row": [
        Broken(yaml=f"{JINJA}\n{ROWS}", files=data({"messages": [QUESTION, {"role": "assistant", "content": "<think>\nr\n</think>\n\na"}]}), message="rows.jsonl:1"),
    ],
    "unchecked_template": [Broken(yaml=f"{JINJA}\nmodel: Qwen/Qwen3-8B", message="Qwen/Qwen3-8B is not here")],
    # tracking
    "swanlab_key": [Broken(yaml="report_to: [swanlab]", message="swanlab_mode local")],
    "swanlab_mode_variable": [
        Broken(yaml="report_to: [swanlab]\nswanlab_mode: local", environment={"SWANLAB_MODE": "cloud"}),
    ],
    "swanlab_project": [Broken(yaml="swanlab_project: p", message="report_to swanlab")],
    "swanlab_message": [
        Broken(yaml="report_to: [swanlab]\nswanlab_mode: local\nswanlab_notification_method: pigeon", message="lark"),
        Broken(yaml="report_to: [swanlab]\nswanlab_mode: local\nswanlab_notification_method: email", message="smtp"),
    ],
    "tracker_missing": [
        Broken(yaml="report_to: [swanlab]\nswanlab_mode: local", machine=BARE),
        Broken(yaml="report_to: [mlflow]", message="pip install mlflow"),
        Broken(yaml="report_to: [none, tensorboard]", message="stands alone"),
    ],
    "wandb_key": [Broken(yaml="report_to: [wandb]", machine=Machine((H100,), VERSIONS | {"wandb": "1"}))],
    # serving
    "port_in_use": [Broken("deploy", "port: PORT", message="in use")],
    "master_port_in_use": [Broken(machine=FOUR, environment={"NPROC_PER_NODE": "4", "MASTER_PORT": "PORT"})],
    "open_server": [Broken("deploy", "host: 0.0.0.0")],
    "one_at_a_time": [Broken("deploy", without=("max_batch_size",), message="32")],
    "old_backend_name": [Broken("infer", "infer_backend: pt")],
    "streamed_file": [Broken("infer", "val_dataset: [train.jsonl]\nstream: true")],
    "kept_columns": [Broken("infer", "remove_unused_columns: false")],
    "ollama_penalty": [Broken("export", "to_ollama: true", message="repetition_penalty 1.0")],
    "broken_eval": [Broken("eval", message="swiftkit eval")],
    "rollout_limits": [
        Broken("rollout", "vllm_pipeline_parallel_size: 2"),
        Broken("rollout", "vllm_reasoning_parser: qwen3"),
    ],
    # memory
    "memory": [Broken(files={"model/config.json": json.dumps(LARGE)}, message="estimate, not measured")],
}  # fmt: skip
