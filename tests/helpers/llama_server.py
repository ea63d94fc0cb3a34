"""Serve a small Qwen3 by llama.cpp's own server: llama_server.py FOLDER BOS PORT

It runs in an environment with xllamacpp, which brings that server as a library, and gguf. FOLDER is
a model as recipes/tiny/qwen3, with a chat_template.jinja; BOS is the token that the vocabulary puts
before a text, or "".
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import gguf
import numpy
import xllamacpp

_PARTS = {
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
_NAMES = {"model.embed_tokens": "token_embd", "model.norm": "output_norm"}


def write_gguf(folder: Path, bos: str, out: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    writer = gguf.GGUFWriter(out, "qwen3")
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_key_length(config["head_dim"])
    writer.add_value_length(config["head_dim"])
    writer.add_rope_freq_base(config["rope_parameters"]["rope_theta"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    add_tokenizer(writer, folder, config, bos)
    for name, values in tensors(folder / "model.safetensors"):
        writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def add_tokenizer(writer: Any, folder: Path, config: dict[str, Any], bos: str) -> None:
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    types = dict.fromkeys(tokenizer["model"]["vocab"], gguf.TokenType.NORMAL)
    ids = dict(tokenizer["model"]["vocab"])
    for token in tokenizer["added_tokens"]:
        ids[token["content"]] = token["id"]
        kind = gguf.TokenType.CONTROL if token["special"] else gguf.TokenType.USER_DEFINED
        types[token["content"]] = kind
    for number in range(len(ids), config["vocab_size"]):
        ids[f"[unused {number}]"], types[f"[unused {number}]"] = number, gguf.TokenType.UNUSED
    tokens = sorted(ids, key=ids.__getitem__)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types([types[token] for token in tokens])
    writer.add_token_merges([" ".join(pair) for pair in tokenizer["model"]["merges"]])
    writer.add_eos_token_id(config["eos_token_id"])
    writer.add_add_bos_token(bool(bos))
    if bos:
        writer.add_bos_token_id(ids[bos])
    writer.add_chat_template((folder / "chat_template.jinja").read_text())


def tensors(file: Path) -> Any:
    """Yield (name in GGUF, float32) of a file of bfloat16."""
    data = file.read_bytes()
    length = int.from_bytes(data[:8], "little")
    for name, tensor in json.loads(data[8 : 8 + length]).items():
        if name == "__metadata__":
            continue
        start, end = (8 + length + offset for offset in tensor["data_offsets"])
        halves = numpy.frombuffer(data[start:end], numpy.uint16).astype(numpy.uint32)
        values = (halves << 16).view(numpy.float32).reshape(tensor["shape"])
        stem = name.removesuffix(".weight")
        if stem not in _NAMES:
            _, _, layer, part = stem.split(".", 3)
            stem = f"blk.{layer}.{_PARTS[part]}"
        yield f"{_NAMES.get(stem, stem)}.weight", values


def main(folder: str, bos: str, port: str) -> None:
    out = Path(folder) / "model.gguf"
    write_gguf(Path(folder), bos, out)
    settings = xllamacpp.CommonParams()
    settings.model.path = str(out)
    settings.port, settings.n_ctx, settings.n_parallel = int(port), 4096, 1
    settings.cpuparams.n_threads = 1
    settings.use_jinja, settings.warmup = True, False
    settings.model_alias = {"tiny"}
    server = xllamacpp.Server(settings)
    print(server.listening_address, flush=True)
    while True:
        time.sleep(60)


if __name__ == "__main__":
    main(*sys.argv[1:])
