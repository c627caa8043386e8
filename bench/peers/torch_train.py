"""A training step in eager PyTorch: each token of a row predicts the next."""
import torch
import torch.nn.functional as F
from contender import adamw_of, serve
from torch_llama import Llama


def prepare(folder, job, batch):
    model = Llama(folder / "student")
    optimizer = adamw_of(job, model.parameters())
    rows = batch["prompts"]
    ids, targets = rows[:, :-1], rows[:, 1:]
    positions = torch.arange(ids.shape[1]).expand_as(ids)

    def step():
        logits = model.logits(model.hidden(ids, positions, model.attention()))
        loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten())
        optimizer.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), job["adamw"]["gradientNorm"])
        optimizer.step()
        return loss.item(), norm.item()

    losses, norms = zip(step(), step())
    return {"loss": losses, "gradient_norm": norms}, lambda: step() and None


serve(prepare)
