"""Every number of a run, as frozen dataclasses, one per component.

A config file in `configs/` returns a nested mapping; `from_mapping` turns it
into a `Job`. Unknown keys, wrong types and impossible values are errors which
name the field and the nearest right name. Nothing else in the project reads a
mapping: what a function needs, it takes as one of these types.
"""

from rrm_jax.config.data import Data as Data
from rrm_jax.config.data import Template as Template
from rrm_jax.config.data import Traces as Traces
from rrm_jax.config.evaluate import Evaluate as Evaluate
from rrm_jax.config.job import Checkpoint as Checkpoint
from rrm_jax.config.job import Evaluation as Evaluation
from rrm_jax.config.job import Job as Job
from rrm_jax.config.judge import Judge as Judge
from rrm_jax.config.judge import Order as Order
from rrm_jax.config.judge import TemplateChoice as TemplateChoice
from rrm_jax.config.learning import Objective as Objective
from rrm_jax.config.learning import Optimizer as Optimizer
from rrm_jax.config.model import Mesh as Mesh
from rrm_jax.config.model import Model as Model
from rrm_jax.config.model import Yarn as Yarn
from rrm_jax.config.sampling import Engine as Engine
from rrm_jax.config.sampling import Sampling as Sampling
from rrm_jax.config.sampling import Stored as Stored
from rrm_jax.config.sampling import Weights as Weights
from rrm_jax.config.stages import Gate as Gate
from rrm_jax.config.stages import Grpo as Grpo
from rrm_jax.config.stages import Sft as Sft
from rrm_jax.config.stages import Stage as Stage
from rrm_jax.config.tournament import InvalidRule as InvalidRule
from rrm_jax.config.tournament import Rating as Rating
from rrm_jax.config.tournament import Schedule as Schedule
from rrm_jax.config.tournament import Tournament as Tournament
from rrm_jax.mapping import complete as complete
from rrm_jax.mapping import from_mapping as from_mapping
from rrm_jax.mapping import to_mapping as to_mapping
