"""A whole round of Dr. GRPO, written by hand in eager PyTorch: lists sampled with a KV cache, one optimizer step on rows in which the
lists of a prompt share it (a group costs prompt + lists tokens, not lists · (prompt + list))."""
import time
import torch
from contender import adamw_of, milliseconds_since, reward, serve
from torch_llama import Llama


def shared_prefix_mask(prompt, samples, length):
    """[1, 1, t, t], true where a token may attend: its own list and the prompt, up to itself."""
    segment = torch.cat((torch.zeros(prompt), 1 + torch.arange(samples).repeat_interleave(length)))
    own = (segment[None, :] == segment[:, None]) | (segment[None, :] == 0)
    return (own & torch.ones_like(own).tril())[None, None]


def prepare(folder, job, batch):
    model = Llama(folder / "student")
    optimizer = adamw_of(job, model.parameters())
    prompts, samples, length = batch["prompts"], job["samples"], job["listLength"]
    n, prompt = prompts.shape
    mask = shared_prefix_mask(prompt, samples, length)
    positions = torch.cat((torch.arange(prompt), torch.arange(prompt, prompt + length).repeat(samples))).expand(n, -1)
    starts = prompt + length * torch.arange(samples)[:, None]
    sources = torch.cat((torch.full((samples, 1), prompt - 1), starts + torch.arange(length - 1)), 1).flatten()

    def backward(completions, sampled, advantages):
        ids = torch.cat((prompts, completions.view(n, -1)), 1)
        hidden = model.hidden(ids, positions, model.attention(mask))[:, sources]
        logp = model.logits(hidden).log_softmax(-1)
        with torch.no_grad():
            entropy = -(logp.exp() * logp).sum(-1).mean()
        chosen = logp.gather(-1, completions.view(n, -1, 1)).view(n * samples, length)
        ratio = (chosen - sampled).exp()
        advantage = advantages[:, None]
        loss = -torch.minimum(ratio * advantage, ratio.clamp(0.8, 1.2) * advantage).sum() / (n * samples * length)
        optimizer.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), job["adamw"]["gradientNorm"])
        return loss.item(), norm.item(), entropy.item()

    def round_of_grpo():
        started = time.perf_counter()
        completions, sampled = model.generate(prompts, samples, length)
        rollout = milliseconds_since(started)
        completions, sampled = completions.clone(), sampled.clone()
        rewards = reward(completions).view(n, samples)
        backward(completions, sampled, (rewards - rewards.mean(1, keepdim=True)).flatten())
        optimizer.step()
        return {"rollout": rollout, "update": milliseconds_since(started) - rollout}

    loss, norm, _ = backward(batch["completions"], batch["sampled"], batch["advantages"])
    round_of_grpo()
    return {"loss": [loss], "gradient_norm": [norm]}, round_of_grpo


serve(prepare)
