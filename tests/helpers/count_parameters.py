"""Print the parameters of tiny models, made by transformers, and of their adapters, made by peft.

A line of stdin is a JSON list: a model's configuration, and peft's settings. A line of stdout is
the list of both counts. all-linear becomes names as swift makes it (swift/utils/
transformers_utils.py, find_all_linears). Nothing is allocated (meta device).
"""

import json
import sys
import warnings

warnings.filterwarnings("ignore")
import torch  # noqa: E402
from peft import LoraConfig, get_peft_model  # noqa: E402
from transformers import AutoConfig, AutoModelForCausalLM  # noqa: E402

for line in sys.stdin:
    config, lora = json.loads(line)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(AutoConfig.for_model(**config))
        if lora["target_modules"] == "all-linear":
            linears = set()
            for name, module in model.named_modules():
                if isinstance(module, torch.nn.Linear):
                    linears.add(name.rpartition(".")[2])
            lora["target_modules"] = sorted(linears - {"lm_head"})
        whole = sum(weight.numel() for weight in model.parameters())
        adapted = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", **lora))
    trainable = [weight.numel() for weight in adapted.parameters() if weight.requires_grad]
    print(json.dumps([whole, sum(trainable)]))
