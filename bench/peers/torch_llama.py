"""A Llama in plain PyTorch, as fast as eager mode runs it: fused projections, scaled_dot_product_attention, a KV cache in place, and a
prompt that is read, kept and attended to once for all lists that share it."""
import json
import torch
import torch.nn.functional as F
from safetensors.torch import load_file


class Llama:
    def __init__(self, folder, trainable=True):
        self.c = c = json.loads((folder / "config.json").read_text())
        w = load_file(folder / "model.safetensors")
        self.heads, self.kv, self.dim = c["num_attention_heads"], c["num_key_value_heads"], c["head_dim"]
        self.eps = c["rms_norm_eps"]
        self.table = w["model.embed_tokens.weight"]
        self.norm = w["model.norm.weight"]
        self.layers = []
        for i in range(c["num_hidden_layers"]):
            p = lambda name: w[f"model.layers.{i}.{name}.weight"]
            qkv = torch.cat([p("self_attn.q_proj"), p("self_attn.k_proj"), p("self_attn.v_proj")])
            gate_up = torch.cat([p("mlp.gate_proj"), p("mlp.up_proj")])
            self.layers.append([p("input_layernorm"), qkv, p("self_attn.o_proj"), p("post_attention_layernorm"), gate_up, p("mlp.down_proj")])
        if trainable:
            for x in self.parameters():
                x.requires_grad_(True)
        angles = torch.arange(c["max_position_embeddings"])[:, None] / c["rope_theta"] ** (torch.arange(0, self.dim, 2) / self.dim)
        self.cos, self.sin = angles.cos(), angles.sin()

    def parameters(self):
        return [self.table, self.norm, *(x for layer in self.layers for x in layer)]

    def rms(self, x, weight):
        return F.rms_norm(x, (x.shape[-1],), weight, self.eps)

    def rotate(self, x, positions):
        """x [batch, heads, time, dim], positions [batch, time]."""
        cos, sin = self.cos[positions][:, None], self.sin[positions][:, None]
        a, b = x.chunk(2, -1)
        return torch.cat((a * cos - b * sin, b * cos + a * sin), -1)

    def hidden(self, ids, positions, attend):
        """Final hidden states [batch, time, hidden]; attend(layer, q, k, v) sees [batch, heads, time, dim]."""
        b, t = ids.shape
        x = F.embedding(ids, self.table)
        for i, (norm1, qkv, out, norm2, gate_up, down) in enumerate(self.layers):
            parts = F.linear(self.rms(x, norm1), qkv).view(b, t, self.heads + 2 * self.kv, self.dim).transpose(1, 2)
            q, k, v = parts.split([self.heads, self.kv, self.kv], 1)
            y = attend(i, self.rotate(q, positions), self.rotate(k, positions), v)
            x = x + F.linear(y.transpose(1, 2).reshape(b, t, -1), out)
            gate, up = F.linear(self.rms(x, norm2), gate_up).chunk(2, -1)
            x = x + F.linear(F.silu(gate) * up, down)
        return self.rms(x, self.norm)

    def logits(self, hidden):
        return F.linear(hidden, self.table)

    def attention(self, mask=None):
        """Causal, or with a mask [batch, 1, time, time]."""

        def attend(_, q, k, v):
            k, v = (x.repeat_interleave(self.heads // self.kv, 1) for x in (k, v))
            return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=mask is None)

        return attend

    @torch.inference_mode()
    def generate(self, prompts, samples, length, temperature=1.0, on_prefilled=lambda: None):
        """`samples` lists for each of the prompts [n, time]: tokens and log-probabilities [n · samples, length]. 0: greedy."""
        n, time = prompts.shape
        lists, group = n * samples, self.heads // self.kv
        shared, own = [], []

        def prefill(_, q, k, v):
            shared.append((k.contiguous(), v.contiguous()))
            own.append([torch.empty(lists, self.kv, length, self.dim) for _ in "kv"])
            return self.attention()(_, q, k, v)

        def step(i, q, k, v):
            (pk, pv), (ok, ov) = shared[i], own[i]
            ok[:, :, at], ov[:, :, at] = k[:, :, 0], v[:, :, 0]
            q = q.reshape(lists, self.kv, group, self.dim) * self.dim**-0.5
            by_prompt = q.view(n, samples, self.kv, group, -1).transpose(1, 2).reshape(n, self.kv, samples * group, -1)
            on_prompt = (by_prompt @ pk.transpose(2, 3)).view(n, self.kv, samples, group, time).transpose(1, 2)
            scores = torch.cat((on_prompt.reshape(lists, self.kv, group, time), q @ ok[:, :, : at + 1].transpose(2, 3)), -1)
            on_prompt, on_own = scores.softmax(-1).split([time, at + 1], -1)
            by_prompt = on_prompt.view(n, samples, self.kv, group, time).transpose(1, 2).reshape(n, self.kv, samples * group, time)
            read = (by_prompt @ pv).view(n, self.kv, samples, group, -1).transpose(1, 2).reshape(lists, self.kv, group, -1)
            return (read + on_own @ ov[:, :, : at + 1]).reshape(lists, self.heads, 1, self.dim)

        positions = torch.arange(time).expand(n, time)
        logits = self.logits(self.hidden(prompts, positions, prefill)[:, -1]).repeat_interleave(samples, 0)
        tokens, logprobs = [], []
        for at in range(length):
            logp = (logits / (temperature or 1.0)).log_softmax(-1)
            token = torch.multinomial(logp.exp(), 1) if temperature else logp.argmax(-1, keepdim=True)
            tokens.append(token)
            logprobs.append(logp.gather(-1, token))
            if at == 0:
                on_prefilled()
            if at + 1 < length:
                logits = self.logits(self.hidden(token, torch.full((lists, 1), time + at), step)[:, 0])
        return torch.cat(tokens, 1), torch.cat(logprobs, 1)
