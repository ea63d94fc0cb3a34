"""scripts/mxfp4_to_bf16.py on a small checkpoint of two files in MXFP4, packed here by the format's
definition."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from helpers.paths import ROOT

MODEL = ROOT / "recipes" / "tiny" / "gpt_oss"
pytestmark = pytest.mark.e2e  # imports torch

# E2M1: sign, two bits of exponent, one of mantissa; 32 values share a power of two (OCP
# Microscaling Formats 1.0).
VALUES = [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0]


def pack(folder: Path) -> dict[str, Any]:
    """Write `folder` as MXFP4 with random experts; return these in bf16."""
    import torch
    from safetensors.torch import load_file, save_file

    shutil.copytree(MODEL, folder)
    random = torch.Generator().manual_seed(0)
    table = torch.tensor(VALUES + [-value for value in VALUES])
    expected, files = {}, [{}, {}]
    for name, weight in load_file(folder / "model.safetensors").items():
        if not name.endswith(("experts.gate_up_proj", "experts.down_proj")):
            files[0][name] = weight
            continue
        experts, inputs, outputs = weight.shape
        blocks = torch.randint(
            256, (experts, outputs, inputs // 32, 16), dtype=torch.uint8, generator=random
        )
        scales = torch.randint(118, 124, blocks.shape[:3], dtype=torch.uint8, generator=random)
        halves = [table[(blocks & 15).long()], table[(blocks >> 4).long()]]
        pairs = torch.stack(halves, -1).flatten(-2)
        wide = pairs * torch.exp2(scales.float() - 127)[..., None]
        expected[name] = wide.reshape(experts, outputs, inputs).transpose(1, 2).to(torch.bfloat16)
        # a pair may lie in two files
        files[0][f"{name}_blocks"], files[1][f"{name}_scales"] = blocks, scales
    (folder / "model.safetensors").unlink()
    for number, tensors in enumerate(files):
        save_file(tensors, folder / f"model-{number}.safetensors", metadata={"format": "pt"})
    config = json.loads((folder / "config.json").read_text())
    config["quantization_config"] = {"quant_method": "mxfp4", "modules_to_not_convert": ["lm_head"]}
    (folder / "config.json").write_text(json.dumps(config))
    index: dict[str, str] = {}
    for number, tensors in enumerate(files):
        index |= dict.fromkeys(tensors, f"model-{number}.safetensors")
    text = json.dumps({"metadata": {}, "weight_map": index})
    (folder / "model.safetensors.index.json").write_text(text)
    return expected


def convert(source: Path, out: Path) -> subprocess.CompletedProcess[str]:
    script = ROOT / "scripts" / "mxfp4_to_bf16.py"
    return subprocess.run(
        [sys.executable, script, source, out],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def test_converted_weights_are_those_of_the_format(tmp_path: Path) -> None:
    """Bit for bit what the format says; the model is the one that transformers dequantizes while
    loading."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, Mxfp4Config

    expected = pack(tmp_path / "packed")
    done = convert(tmp_path / "packed", tmp_path / "bf16")
    assert done.returncode == 0, done.stderr
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "bf16", dtype="auto")
    weights = dict(model.named_parameters())
    assert expected
    assert all(torch.equal(weights[name], weight) for name, weight in expected.items())
    assert {weight.dtype for weight in weights.values()} == {torch.bfloat16}
    dequantize = Mxfp4Config(dequantize=True)
    reference = AutoModelForCausalLM.from_pretrained(
        tmp_path / "packed", dtype=torch.bfloat16, quantization_config=dequantize
    )
    tokens = torch.arange(30)[None]
    assert torch.equal(model(tokens).logits, reference(tokens).logits)
    assert AutoTokenizer.from_pretrained(tmp_path / "bf16").convert_tokens_to_ids("<|call|>") > 0


def test_wrong_folders_exit_with_one_line(tmp_path: Path) -> None:
    """No checkpoint, one that is not packed, an output that exists: nothing is written."""
    (tmp_path / "there").mkdir()
    cases = [
        (tmp_path, "out", "config.json is missing"),
        (MODEL, "out", "not MXFP4"),
        (MODEL, "there", "exists"),
    ]
    for source, out, reason in cases:
        done = convert(source, tmp_path / out)
        assert done.returncode == 1
        assert reason in done.stderr
        assert len(done.stderr.splitlines()) == 1
    assert not list((tmp_path / "there").iterdir())
    assert not (tmp_path / "out").exists()
