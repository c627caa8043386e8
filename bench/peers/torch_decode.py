"""Decoding in eager PyTorch: the time of all tokens of the lists but the first."""
import time
from contender import milliseconds_since, serve
from torch_llama import Llama


def prepare(folder, job, batch):
    model = Llama(folder / "student", trainable=False)
    prompts = batch["prompts"]
    tokens, logprobs = model.generate(prompts[:1], 1, 8, temperature=0)

    def run():
        started, prefilled = time.perf_counter(), []
        model.generate(prompts, job["samples"], job["listLength"] + 1, on_prefilled=lambda: prefilled.append(time.perf_counter()))
        return {"milliseconds": milliseconds_since(prefilled[0]), "prefill": (prefilled[0] - started) * 1000}

    run()
    return {"tokens": tokens[0].tolist(), "logprobs": logprobs[0].tolist()}, run


serve(prepare)
