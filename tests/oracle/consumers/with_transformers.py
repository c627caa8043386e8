"""Hugging Face Transformers beside us, for consumers.test.ts. One JSON document on the last line of standard output.

    python with_transformers.py read FOLDER...   loads each model folder; compares with its expected.safetensors and expected.json
    python with_transformers.py write FOLDER     writes models of several kinds there, each with its logits
"""
import json
import pathlib
import sys

import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, Qwen2Config


def logits_of(model, ids):
    with torch.no_grad():
        return model.float().eval()(ids).logits


def read(folders):
    found = {}
    for folder in map(pathlib.Path, folders):
        model, report = AutoModelForCausalLM.from_pretrained(folder, dtype="auto", output_loading_info=True)
        expected = load_file(folder / "expected.safetensors")
        texts = json.loads((folder / "expected.json").read_text())
        tokenizer = AutoTokenizer.from_pretrained(folder)
        chat = tokenizer.apply_chat_template(texts["messages"], tokenize=False, add_generation_prompt=True)
        found[folder.name] = {
            "dtype": str(model.dtype).removeprefix("torch."),
            "unexpected": sorted(map(str, [*report["missing_keys"], *report["unexpected_keys"], *report["mismatched_keys"]])),
            "error": (logits_of(model, expected["ids"]) - expected["logits"]).abs().max().item(),
            "text": tokenizer(texts["text"], add_special_tokens=False)["input_ids"],
            "chat": tokenizer(chat, add_special_tokens=False)["input_ids"],
            "ends": model.generation_config.eos_token_id,
        }
    return found


def write(folder):
    sizes = dict(vocab_size=512, hidden_size=48, intermediate_size=80, num_hidden_layers=2, max_position_embeddings=128, initializer_range=0.1)
    kinds = {
        "llama-biases-bf16-sharded": (LlamaConfig(**sizes, num_attention_heads=4, num_key_value_heads=2, attention_bias=True, mlp_bias=True), torch.bfloat16, "60KB"),
        "llama-wide-heads": (LlamaConfig(**sizes, num_attention_heads=3, num_key_value_heads=1, head_dim=20, rope_parameters={"rope_theta": 5e5, "rope_type": "default"}), torch.float32, "5GB"),
        "qwen2-tied-f16": (Qwen2Config(**sizes, num_attention_heads=4, num_key_value_heads=4, tie_word_embeddings=True), torch.float16, "5GB"),
    }
    torch.manual_seed(1)
    for name, (config, dtype, shard) in kinds.items():
        model = AutoModelForCausalLM.from_config(config)
        for key, value in model.named_parameters():
            if key.endswith("bias"):
                torch.nn.init.normal_(value, std=0.3)
        model = model.to(dtype)
        model.save_pretrained(folder / name, max_shard_size=shard)
        ids = torch.randint(0, 512, (2, 16))
        # Read again: to(dtype) has rounded the rotary frequencies too.
        model = AutoModelForCausalLM.from_pretrained(folder / name, dtype=torch.float32)
        save_file({"ids": ids.to(torch.int32), "logits": logits_of(model, ids).contiguous()}, folder / name / "forward.safetensors")
    return list(kinds)


what, *rest = sys.argv[1:]
print(json.dumps(read(rest) if what == "read" else write(pathlib.Path(rest[0]))))
