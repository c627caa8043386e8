"""A whole step of TRL's GKDTrainer, on-policy with the reverse KL: the student generates, both score, one optimizer step."""
import torch
from contender import serve, trainer_arguments
from datasets import Dataset
from transformers import AutoModelForCausalLM
from trl.experimental.gkd import GKDConfig, GKDTrainer
from trl_common import Clock, tokenizer_of


def prepare(folder, job, batch):
    tokenizer = tokenizer_of(folder)
    student, teacher = (AutoModelForCausalLM.from_pretrained(folder / name, dtype=torch.float32) for name in ("student", "teacher"))
    prompts = batch["prompts"].repeat_interleave(job["samples"], 0)
    completions = batch["completions"]
    rows = torch.cat((prompts, completions), 1)
    labels = torch.cat((torch.full_like(prompts, -100), completions), 1)
    inputs = {"input_ids": rows, "attention_mask": torch.ones_like(rows), "labels": labels, "prompts": prompts,
              "prompt_attention_mask": torch.ones_like(prompts)}
    args = GKDConfig(
        **trainer_arguments(job, folder), per_device_train_batch_size=len(rows), lmbda=1.0, beta=1.0, temperature=1.0,
        max_new_tokens=job["listLength"], max_length=rows.shape[1],
    )
    clock = Clock()
    trainer = GKDTrainer(
        model=student, teacher_model=teacher, args=args, processing_class=tokenizer, callbacks=[clock],
        train_dataset=Dataset.from_dict({"row": list(range(len(rows)))}),
        data_collator=lambda members: {name: x[[one["row"] for one in members]] for name, x in inputs.items()},
    )

    def run():
        trainer.train()
        return {"milliseconds": clock.milliseconds}

    with torch.no_grad():
        loss = trainer.compute_loss(trainer.model, inputs).item()
    run()
    return {"loss": [loss]}, run


serve(prepare)
