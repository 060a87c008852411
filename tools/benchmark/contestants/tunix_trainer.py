"""Google Tunix's trainer on its GRPO loss, as its GRPOLearner sets them up."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from tunix.rl import function_registry, trainer
from tunix.rl.grpo import grpo_learner
from tunix.sft import peft_trainer

from tools.benchmark.contestants import process, tunix_sampler, updates

# Rows that pass through the model together.
MICROBATCH = 4
# What Tunix takes for padding; no row has it.
PAD = 0


def chain(adamw: updates.AdamW) -> optax.GradientTransformation:
  """The optimizer; the state tells the gradient's norm before clipping."""
  return optax.chain(
    optax.snapshot("gradient_norm", optax.tree.norm),
    optax.clip_by_global_norm(adamw.clip_norm),
    optax.adamw(
      adamw.learning_rate,
      b1=adamw.b1,
      b2=adamw.b2,
      eps=adamw.eps,
      weight_decay=adamw.weight_decay,
    ),
  )


def batches(work: updates.Work) -> list[grpo_learner.TrainExample]:
  """The rows as the learner makes them, one microbatch after the other."""
  prompts, completions = map(np.array, (work.repeated(), work.completions))
  whole = {
    "prompt_ids": prompts,
    "prompt_mask": prompts != PAD,
    "completion_ids": completions,
    "completion_mask": completions != PAD,
    "advantages": np.array(work.advantages, np.float32),
    "old_per_token_logps": np.array(work.logprobs, np.float32),
  }
  return [
    grpo_learner.TrainExample(
      ref_per_token_logps=None,
      **{k: jnp.asarray(x[i : i + MICROBATCH]) for k, x in whole.items()},
    )
    for i in range(0, len(completions), MICROBATCH)
  ]


def prepare(work: updates.Work) -> process.Ready[updates.Update]:
  """Reads the weights."""
  parts = batches(work)
  settings = grpo_learner.GRPOConfig(
    num_generations=len(work.completions) // len(work.prompts),
    beta=0.0,
    epsilon=work.clip,
  )
  settings.temperature = 1.0
  loss = function_registry.get_policy_loss_fn(settings.policy_loss_fn)
  theirs = trainer.Trainer(
    tunix_sampler.model(work.weights, work.model, "float32"),
    chain(work.adamw),
    peft_trainer.TrainingConfig(
      eval_every_n_steps=1, gradient_accumulation_steps=len(parts)
    ),
    custom_checkpoint_metadata_fn=dict,
  )
  theirs.with_loss_fn(
    lambda model, train_example, algo_config: loss(
      model, train_example, algo_config=algo_config, pad_id=PAD, eos_id=-1
    ),
    has_aux=True,
  )
  theirs.with_gen_model_input_fn(
    lambda x: {"train_example": x, "algo_config": settings}
  )
  step, _ = theirs.jit_train_and_eval_step()

  def lap(number: int) -> updates.Update:
    losses = [step(part)[0] for part in parts]
    state = theirs.optimizer.opt_state
    norm = optax.tree.get(state, "gradient_norm")
    return updates.Update(
      float(np.mean(jax.device_get(losses))), float(norm[...])
    )

  return process.Ready(
    lap=lap,
    libraries=tunix_sampler.libraries(),
    note=(
      f"{len(parts)} microbatches of {MICROBATCH} rows, no remat; it makes the "
      "logits of prompts too"
    ),
    peak=tunix_sampler.peak,
  )


if __name__ == "__main__":
  updates.run(prepare)
