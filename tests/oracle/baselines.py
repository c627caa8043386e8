"""Writes data/baselines.json: what RecTools computes for SASRec and HSTU on a small input, to be agreed with by baselines.test.ts.

    python -m venv /tmp/venv && /tmp/venv/bin/pip install 'rectools[torch]==0.19.0'
    /tmp/venv/bin/python tests/oracle/baselines.py

RecTools (MTS, Apache-2.0) has the transformer blocks of both in PyTorch: SASRecTransformerLayers "exactly the authors' architecture", and
STULayers, "HSTU author's encoder block architecture rewritten from jagged tensor to dense". They are run as they are, in float64, with
parameters drawn here. Set to agree in what is configuration: the epsilon of every layer norm is 1e-6, and the biases and the output
projection that torch.nn.MultiheadAttention adds to SASRec's attention are zero and the identity. RecTools' HSTU has no biases in its first
projection (the paper's f1 has): there they are zero. What stands around the blocks is written here: signals through the item matrix plus
kinds (and positions), the newest state, products with the pool's items, cross-entropy.
"""

import json
import math
import pathlib
import random

import torch
from rectools.models.nn.transformers.hstu import STULayers
from rectools.models.nn.transformers.sasrec import SASRecTransformerLayers

torch.set_default_dtype(torch.float64)
D, WIDTH, TIME, ARTICLES, BLOCKS, EPSILON = 6, 5, 4, 7, 2, 1e-6
KINDS = {"search": 1, "page": 2, "click": 3}
draw = random.Random(7)


def numbers(n, deviation=0.5):
    return [round(draw.gauss(0, deviation), 4) for _ in range(n)]


def reader(count):
    cutoff = 1_700_000_000_000
    times = sorted(cutoff - draw.randrange(1_000, 10 ** draw.randint(5, 9)) for _ in range(count))
    return {
        "cutoff": cutoff,
        "signals": [{"kind": draw.choice(list(KINDS)), "at": at, "vector": numbers(WIDTH)} for at in times],
    }


def made(readers):
    signals = torch.zeros(len(readers), TIME, WIDTH)
    kinds = torch.zeros(len(readers), TIME, dtype=torch.long)
    seconds = torch.zeros(len(readers), TIME + 1, dtype=torch.long)
    for i, of in enumerate(readers):
        first = TIME - len(of["signals"])
        for j, signal in enumerate(of["signals"]):
            signals[i, first + j] = torch.tensor(signal["vector"])
            kinds[i, first + j] = KINDS[signal["kind"]]
            seconds[i, first + j] = signal["at"] // 1000
        seconds[i, :first] = seconds[i, first]
        seconds[i, TIME] = of["cutoff"] // 1000
    return signals, kinds, seconds


def parameters(shapes):
    return {
        name: torch.tensor(numbers(math.prod(shape))).reshape(shape).add(1.0 if name.endswith("norm.weight") else 0.0)
        for name, shape in shapes.items()
    }


def norms(*names):
    return {f"{name}.{part}": [D] for name in names for part in ("weight", "bias")}


def put(module, **values):
    """Replaces parameters of a module by tensors that gradients flow through."""
    for name, value in values.items():
        del module._parameters[name]
        setattr(module, name, value)


def put_norm(module, p, name):
    module.eps = EPSILON
    put(module, weight=p[f"{name}.weight"], bias=p[f"{name}.bias"])


def sasrec(p, signals, kinds, _seconds):
    layers = SASRecTransformerLayers(n_blocks=BLOCKS, n_factors=D, n_heads=1, dropout_rate=0.0)
    for i, block in enumerate(layers.transformer_blocks):
        put_norm(block.q_layer_norm, p, f"{i}.attention_norm")
        put_norm(block.ff_layer_norm, p, f"{i}.feed_norm")
        attention = block.multi_head_attn
        put(attention, in_proj_weight=torch.cat([p[f"{i}.{name}"].T for name in ("query", "key", "value")]))
        put(attention, in_proj_bias=torch.zeros(3 * D))
        put(attention.out_proj, weight=torch.eye(D), bias=torch.zeros(D))
        put(block.feed_forward.ff_linear_1, weight=p[f"{i}.feed_in"].T, bias=p[f"{i}.feed_in.bias"])
        put(block.feed_forward.ff_linear_2, weight=p[f"{i}.feed_out"].T, bias=p[f"{i}.feed_out.bias"])
    put_norm(layers.last_layernorm, p, "final_norm")
    x = math.sqrt(D) * signals @ p["item"].T + p["position"] + p["kind"][kinds]
    forbidden = torch.triu(torch.ones(TIME, TIME, dtype=torch.bool), 1) | (kinds == 0)[:, None, :]
    forbidden &= ~torch.eye(TIME, dtype=torch.bool)
    mask = torch.zeros(forbidden.shape).masked_fill(forbidden, -math.inf)
    return layers(x, (kinds > 0)[..., None].double(), mask, None)[:, -1]


def hstu(p, signals, kinds, seconds):
    layers = STULayers(
        n_blocks=BLOCKS,
        n_factors=D,
        n_heads=1,
        linear_hidden_dim=D,
        attention_dim=D,
        session_max_len=TIME,
        relative_time_attention=True,
        relative_pos_attention=True,
        dropout_rate=0.0,
        epsilon=EPSILON,
    )
    for i, block in enumerate(layers.stu_blocks):
        put_norm(block.norm_input, p, f"{i}.input_norm")
        put_norm(block.norm_attn_output, p, f"{i}.attended_norm")
        put(block, uvqk_proj=torch.cat([p[f"{i}.{name}"] for name in ("u", "v", "q", "k")], 1))
        put(block.output_mlp, weight=p[f"{i}.out"].T, bias=p[f"{i}.out.bias"])
        # RecTools' weight of "j is n places before i" stands at TIME - 1 - n; what would look ahead is masked.
        put(block.rel_attn, pos_weights=torch.cat([p[f"{i}.position"].flip(0), torch.zeros(TIME - 1)]))
        put(block.rel_attn, time_weights=p[f"{i}.time"])
    x = math.sqrt(D) * signals @ p["item"].T + p["kind"][kinds]
    ahead = torch.triu(torch.ones(TIME, TIME, dtype=torch.bool), 1)
    batch = {"x": kinds, "unix_ts": seconds}
    state = layers(x, (kinds > 0)[..., None].double(), ahead, None, batch=batch)[:, -1]
    return torch.nn.functional.layer_norm(state, [D], p["final_norm.weight"], p["final_norm.bias"], EPSILON)


models = {"sasrec": sasrec, "hstu": hstu}
shared = {"item": [D, WIDTH], "kind": [4, D], **norms("final_norm")}
shapes = {
    "sasrec": {
        **shared,
        "position": [TIME, D],
        **{f"{i}.{name}": [D, D] for i in range(BLOCKS) for name in ("query", "key", "value", "feed_in", "feed_out")},
        **{f"{i}.{name}.bias": [D] for i in range(BLOCKS) for name in ("feed_in", "feed_out")},
        **norms(*(f"{i}.{name}" for i in range(BLOCKS) for name in ("attention_norm", "feed_norm"))),
    },
    "hstu": {
        **shared,
        **{f"{i}.{name}": [D, D] for i in range(BLOCKS) for name in ("u", "v", "q", "k", "out")},
        **{f"{i}.out.bias": [D] for i in range(BLOCKS)},
        **{f"{i}.position": [TIME] for i in range(BLOCKS)},
        **{f"{i}.time": [129] for i in range(BLOCKS)},
        **norms(*(f"{i}.{name}" for i in range(BLOCKS) for name in ("input_norm", "attended_norm"))),
    },
}


def reference(name, readers, pool, clicked):
    p = parameters(shapes[name])
    values = {key: value.flatten().tolist() for key, value in p.items()}
    for value in p.values():
        value.requires_grad_()
    scores = models[name](p, *made(readers)) @ (torch.tensor(pool) @ p["item"].T).T
    loss = torch.nn.functional.cross_entropy(scores, torch.tensor(clicked))
    loss.backward()
    return {
        "parameters": {key: {"shape": shapes[name][key], "data": values[key]} for key in values},
        "scores": scores.flatten().tolist(),
        "loss": loss.item(),
        "gradients": {key: value.grad.flatten().tolist() for key, value in p.items()},
    }


readers = [reader(count) for count in (TIME, 2, 1)]
pool = [numbers(WIDTH) for _ in range(ARTICLES)]
clicked = [5, 0, 2]
result = {
    "made_by": "rectools 0.19.0, torch " + torch.__version__,
    "dimensions": D,
    "maxLength": TIME,
    "readers": readers,
    "pool": pool,
    "clicked": clicked,
    "models": {name: reference(name, readers, pool, clicked) for name in models},
}
path = pathlib.Path(__file__).parent / "data" / "baselines.json"
path.write_text(json.dumps(result, separators=(",", ":")) + "\n")
print(path, path.stat().st_size, "bytes; losses:", {name: of["loss"] for name, of in result["models"].items()})
