"""Print the bytes that one block of a model keeps for its backward pass, measured on the CPU.

A line of stdin is a JSON list: a model's configuration, its attention, batch and length. A line of
stdout is the number of bytes, in bfloat16: the difference between four and three layers. The last
line is the number of bits that bitsandbytes takes for a weight in 4 bits with double quantization.
"""

import json
import sys
import warnings
from typing import Any

warnings.filterwarnings("ignore")
import torch  # noqa: E402
from bitsandbytes.nn import Params4bit  # noqa: E402
from transformers import AutoConfig, AutoModelForCausalLM  # noqa: E402


def saved_bytes(config: dict[str, Any], attention: str, batch: int, length: int) -> int:
    """Return the bytes of what autograd saves in a forward pass, the weights left out."""
    model = AutoModelForCausalLM.from_config(
        AutoConfig.for_model(**config), attn_implementation=attention, dtype=torch.bfloat16
    ).train()
    weights = {weight.untyped_storage().data_ptr() for weight in model.parameters()}
    sizes: dict[int, int] = {}  # several tensors may share a storage
    tensors = []  # kept, so that no storage is used again

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            sizes[storage.data_ptr()] = storage.nbytes()
            tensors.append(tensor)
        return tensor

    ids = torch.zeros((batch, length), dtype=torch.long)
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        model(input_ids=ids, labels=ids, use_cache=False)
    return sum(sizes.values())


for line in sys.stdin:
    config, *rest = json.loads(line)
    three, four = (saved_bytes({**config, "num_hidden_layers": n}, *rest) for n in (3, 4))
    print(four - three)

weight = torch.nn.Linear(4096, 4096, dtype=torch.bfloat16).weight.data
packed = Params4bit(weight, requires_grad=False, compress_statistics=True).to("cpu")
state = packed.quant_state
parts = [packed.data, state.absmax, state.code, state.state2.absmax, state.state2.code]
print(8 * sum(part.nbytes for part in parts) / weight.numel())
