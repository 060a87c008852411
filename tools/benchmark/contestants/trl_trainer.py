"""TRL's GRPOTrainer: its own `training_step`, clipping and optimizer."""

from pathlib import Path

import datasets
import torch
import transformers
import trl

from tools.benchmark.contestants import process, static_batches, updates

# Rows that pass through the model together.
MICROBATCH = 8


class Given(trl.GRPOTrainer):
  """The trainer, given rows where it would sample some."""

  def _prepare_inputs(
    self, generation_batch: dict[str, torch.Tensor]
  ) -> dict[str, torch.Tensor]:
    return generation_batch


def settings(work: updates.Work, folder: Path) -> trl.GRPOConfig:
  """The work's, in TRL's words."""
  adamw = work.adamw
  rows = len(work.completions)
  return trl.GRPOConfig(
    output_dir=str(folder),
    use_cpu=not torch.cuda.is_available(),
    bf16=False,
    gradient_checkpointing=False,
    per_device_train_batch_size=MICROBATCH,
    gradient_accumulation_steps=rows // MICROBATCH,
    num_generations=rows // len(work.prompts),
    max_completion_length=len(work.completions[0]),
    loss_type="grpo",
    beta=0.0,
    epsilon=work.clip,
    learning_rate=adamw.learning_rate,
    adam_beta1=adamw.b1,
    adam_beta2=adamw.b2,
    adam_epsilon=adamw.eps,
    weight_decay=adamw.weight_decay,
    max_grad_norm=adamw.clip_norm,
    report_to="none",
  )


def batches(work: updates.Work) -> list[dict[str, torch.Tensor]]:
  """The rows as the trainer makes them, one microbatch after the other."""
  prompts = torch.tensor(work.repeated())
  completions = torch.tensor(work.completions)
  whole = {
    "prompt_ids": prompts,
    "prompt_mask": torch.ones_like(prompts),
    "completion_ids": completions,
    "completion_mask": torch.ones_like(completions),
    "advantages": torch.tensor(work.advantages),
    "old_per_token_logps": torch.tensor(work.logprobs),
  }
  place = static_batches.device()
  split = {k: x.to(place).split(MICROBATCH) for k, x in whole.items()}
  return [
    {name: parts[i] for name, parts in split.items()}
    for i in range(len(completions) // MICROBATCH)
  ]


def prepare(work: updates.Work) -> process.Ready[updates.Update]:
  """Reads the weights."""
  parts = batches(work)
  args = settings(work, Path(work.weights).parent / "trl")
  judge = static_batches.model(work.weights, "float32")
  trainer = Given(
    model=judge,
    reward_funcs=lambda **_: [],
    args=args,
    train_dataset=datasets.Dataset.from_dict({"prompt": [""]}),
    processing_class=transformers.Qwen2Tokenizer(),
  )
  # As `train` sets them.
  trainer.current_gradient_accumulation_steps = len(parts)
  optimizer = trainer.create_optimizer()

  def lap(number: int) -> updates.Update:
    losses = [trainer.training_step(judge, part, None) for part in parts]
    norm = trainer.accelerator.clip_grad_norm_(
      judge.parameters(), args.max_grad_norm
    )
    optimizer.step()
    optimizer.zero_grad()
    return updates.Update(torch.stack(losses).sum().item(), norm.item())

  return process.Ready(
    lap=lap,
    libraries={"trl": trl.__version__} | static_batches.libraries(),
    note=(
      f"{len(parts)} microbatches of {MICROBATCH} rows, no checkpointing; "
      "without Triton it makes the logits of prompts too; "
      f"attention {judge.config._attn_implementation}, "
      f"{torch.get_num_threads()} threads"
    ),
    peak=static_batches.peak,
  )


if __name__ == "__main__":
  updates.run(prepare)
