"""A whole step of TRL's GRPOTrainer: it generates, scores, and takes one optimizer step."""
import torch
from contender import reward, serve, trainer_arguments
from datasets import Dataset
from transformers import AutoModelForCausalLM
from trl import GRPOConfig, GRPOTrainer
from trl_common import Clock, tokenizer_of


def prepare(folder, job, batch):
    tokenizer = tokenizer_of(folder)
    model = AutoModelForCausalLM.from_pretrained(folder / "student", dtype=torch.float32)
    n, samples, length = job["prompts"], job["samples"], job["listLength"]
    args = GRPOConfig(
        **trainer_arguments(job, folder), per_device_train_batch_size=n * samples, num_generations=samples, max_completion_length=length,
        temperature=1.0, loss_type="dr_grpo", scale_rewards="none", beta=0.0, num_iterations=1, epsilon=0.2,
    )
    clock = Clock()
    trainer = GRPOTrainer(
        model=model, args=args, processing_class=tokenizer, callbacks=[clock],
        reward_funcs=lambda completion_ids, **_: [reward(torch.tensor(ids)).item() for ids in completion_ids],
        train_dataset=Dataset.from_dict({"prompt": ["".join(chr(0x3400 + t) for t in row) for row in batch["prompts"].tolist()]}),
    )

    def checked():
        """Loss and gradient norm on the lists at hand, by the trainer's own code."""
        prompts = batch["prompts"].repeat_interleave(samples, 0)
        trainer.current_gradient_accumulation_steps = 1
        trainer.model.train()
        loss = trainer._compute_loss(trainer.model, {
            "prompt_ids": prompts, "prompt_mask": torch.ones_like(prompts), "completion_ids": batch["completions"],
            "completion_mask": torch.ones_like(batch["completions"]), "advantages": batch["advantages"],
            "old_per_token_logps": batch["sampled"], "num_items_in_batch": torch.tensor(batch["completions"].numel()),
        })
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(trainer.model.parameters(), 1e9).item()
        trainer.model.zero_grad()
        return {"loss": [loss.item()], "gradient_norm": [norm]}

    def run():
        trainer.train()
        return {"milliseconds": clock.milliseconds}

    check = checked()
    run()
    return check, run


serve(prepare)
