"""The contender's side of the conversation in bench/contender.ts: prepares a job, then does one run for each line "run"."""
import json, os, pathlib, resource, sys, time
import torch
from safetensors.torch import load_file


def serve(prepare):
    """prepare(folder, job, batch) gives (check, run): numbers that must be ours too, and a run that returns its times."""
    folder = pathlib.Path(sys.argv[1])
    job = json.loads((folder / "job.json").read_text())
    torch.set_num_threads(job["threads"])
    torch.manual_seed(job["seed"])
    reply = os.fdopen(3, "w", buffering=1)

    def say(message):
        reply.write(json.dumps(message) + "\n")

    batch = {name: x.long() if x.dtype == torch.int32 else x for name, x in load_file(folder / "batch.safetensors").items()}
    check, run = prepare(folder, job, batch)
    say({"check": check})
    for line in sys.stdin:
        if line.strip() != "run":
            break
        started = time.perf_counter()
        times = run() or {}
        say({"milliseconds": milliseconds_since(started), **times})
    say({"peakBytes": peak_bytes()})


def peak_bytes():
    """Of this process alone: on Linux ru_maxrss begins with what the parent had when it forked."""
    status = pathlib.Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return next(int(line.split()[1]) * 1024 for line in status.read_text().splitlines() if line.startswith("VmHWM"))


def milliseconds_since(started):
    return (time.perf_counter() - started) * 1000


def reward(tokens):
    """Share of even tokens of each list: [lists, length] -> [lists]."""
    return (tokens % 2 == 0).float().mean(-1)


def adamw_of(job, parameters):
    s = job["adamw"]
    return torch.optim.AdamW(
        parameters, lr=job["learningRate"], betas=tuple(s["betas"]), eps=s["epsilon"], weight_decay=s["weightDecay"], fused=True
    )


def trainer_arguments(job, folder):
    """The optimizer of every contender, as Hugging Face's trainers take it."""
    s = job["adamw"]
    return dict(
        output_dir=str(folder / "trl"), use_cpu=True, bf16=False, report_to=[], save_strategy="no", logging_strategy="no",
        disable_tqdm=True, max_steps=1, lr_scheduler_type="constant", learning_rate=job["learningRate"], max_grad_norm=s["gradientNorm"],
        adam_beta1=s["betas"][0], adam_beta2=s["betas"][1], adam_epsilon=s["epsilon"], weight_decay=s["weightDecay"],
        optim="adamw_torch_fused", gradient_checkpointing=False, dataloader_pin_memory=False,
    )
