"""Weights out to Hugging Face: exact, whole, and the same judge there."""

import dataclasses
import json
import shutil

import jax
import numpy as np
import pytest

from rrm_jax import config, voting, weights, workdir
from rrm_jax import judge as judges
from rrm_jax.model import hf, hf_config
from rrm_jax.text import templates
from rrm_jax.text import tokenizer as tokenizers
from rrm_jax.train import export, importing
from tests import hf_folders, small_job, tiny
from tests.text import sentence_models

TEMPLATE = config.Template(name="arithmetic")
ONE = config.Mesh(data=8, fsdp=1)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
  """A workdir after a few steps, with two checkpoints and a report."""
  folder = tmp_path_factory.mktemp("trained") / "workdir"
  values = small_job.mapping() | {"order": ["warm_start"], "evaluation": {}}
  values["stages"]["warm_start"]["steps"] = 60
  values["checkpoint"] = {"every": 30, "keep": 2}
  made = small_job.run(folder, values)
  workdir.write_config(folder, made.cfg)
  return folder


@pytest.fixture(scope="module")
def exported(trained, tmp_path_factory):
  folder = tmp_path_factory.mktemp("exported") / "hf"
  size = export.export(trained, folder)
  assert size == hf.size(workdir.read_config(trained).model, "float32")
  return folder


def params_equal(one, other):
  jax.tree.map(np.testing.assert_array_equal, one, other)


def test_back_as_it_was(trained, exported):
  there = weights.model(exported, tiny.layout())
  here = weights.model(trained, tiny.layout())
  params_equal(here.params, there.params)
  assert here.cfg == there.cfg
  assert here.template == there.template != config.Template()


def test_all_files_are_there(exported):
  names = {path.name for path in exported.iterdir()}
  assert {
    "README.md", "config.json", "generation_config.json", "model.safetensors",
    "tokenizer.json", "tokenizer_config.json", "chat_template.jinja",
  } <= names  # fmt: skip
  assert [p.name for p in exported.parent.iterdir()] == ["hf"]
  card = (exported / "README.md").read_text()
  assert "# small" in card and "No report" in card


def test_a_judge_is_known_again_wherever_it_lies(trained, exported, tmp_path):
  """The same identity, so the same judgements in a cache; others differ."""
  cfg = config.Judge(compute_dtype="float32")
  here = judges.load(trained, cfg).identity
  assert judges.load(str(exported), cfg).identity == here
  importing.import_folder(exported, tmp_path / "imported")
  assert (
    judges.load(tmp_path / "imported", cfg).identity["weights"]
    == (here["weights"])
  )
  before = judges.load(trained, cfg, "warm_start@30").identity
  assert workdir.differences(before, here, "") != []
  assert before["weights"] != here["weights"]
  rounded = judges.load(trained, config.Judge(compute_dtype="bfloat16"))
  assert rounded.identity["weights"] != here["weights"]


def test_transformers_says_the_same(trained, exported):
  """Greedy, from text to text, each with its own tokenizer."""
  torch = pytest.importorskip("torch", reason="torch is the parity tests' peer")
  transformers = pytest.importorskip("transformers")
  peer = transformers.AutoModelForCausalLM.from_pretrained(exported)
  reader = transformers.AutoTokenizer.from_pretrained(exported)
  assert peer.dtype == torch.float32
  sampling = config.Sampling(max_new_tokens=12, temperature=0.0)
  judge = judges.load(trained, config.Judge(sampling=sampling, mesh=ONE))
  values = small_job.mapping() | {"order": ["warm_start"], "evaluation": {}}
  with small_job.opened(trained.parent / "other", values) as job:
    comparisons = job.held_out(12)
  said = {
    judgement.uid: judgement
    for judgement in judge(voting.questions(comparisons))
  }
  lengths = set()
  for comparison in comparisons:
    messages = [m._asdict() for m in templates.messages(TEMPLATE, comparison)]
    inputs = reader.apply_chat_template(
      messages, add_generation_prompt=True, return_dict=True,
      return_tensors="pt",
    )  # fmt: skip
    prompt = inputs["input_ids"][0].tolist()
    assert prompt == templates.prompt(judge.tokenizer, TEMPLATE, comparison)
    made = peer.generate(**inputs, do_sample=False, max_new_tokens=12)
    completion = made[0, len(prompt) :].tolist()
    ours = said[comparison.uid]
    assert len(completion) == ours.completion_tokens
    assert judge.tokenizer.decode(completion) == ours.text
    lengths.add(len(completion))
  assert lengths - {12}  # some of them stopped by themselves


def test_generation_is_rrms_decoding(exported):
  found = json.loads((exported / "generation_config.json").read_text())
  stop = tokenizers.arithmetic().stop_ids
  assert found["eos_token_id"] == list(stop)
  assert (found["do_sample"], found["temperature"]) == (True, 0.6)
  assert (found["top_p"], found["top_k"]) == (1.0, 0)
  assert hf_config.read(exported).vocab_size == 80


def test_weights_of_a_step(trained, tmp_path):
  export.export(trained, tmp_path / "hf", role="warm_start@30")
  job = workdir.read_config(trained)
  params_equal(
    weights.saved_params(job, trained, "warm_start@30", tiny.layout()),
    weights.model(tmp_path / "hf", tiny.layout()).params,
  )
  assert "| 30 of 60 |" in (tmp_path / "hf" / "README.md").read_text()
  with pytest.raises(ValueError, match="no step 31"):
    export.export(trained, tmp_path / "no", role="warm_start@31")


def test_in_many_files(trained, exported, tmp_path):
  export.export(trained, tmp_path / "hf", shard_bytes=8_000)
  assert len([*(tmp_path / "hf").glob("*.safetensors")]) > 2
  assert hf_folders.tensors(tmp_path / "hf") == hf_folders.tensors(exported)


@pytest.mark.parametrize(
  ("computes", "dtype"), [("float32", "float32"), ("bfloat16", "bfloat16")]
)
def test_masters_leave_as_they_are_computed_with(
  trained, tmp_path, computes, dtype
):
  copy = tmp_path / "workdir"
  shutil.copytree(trained, copy)
  values = json.loads((copy / "config.json").read_text())
  values["model"] |= {"compute_dtype": computes, "remat": "full"}
  (copy / "config.json").write_text(json.dumps(values))
  export.export(copy, tmp_path / "hf")
  assert hf.dtype_of(tmp_path / "hf") == dtype
  export.export(copy, tmp_path / "half", dtype="float16")
  assert hf.dtype_of(tmp_path / "half") == "float16"


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("tied", [True, False])
def test_in_and_out_is_byte_equal(tmp_path, dtype, tied):
  yarn = config.Yarn(2.0, 32)
  cfg = dataclasses.replace(
    hf_folders.MODEL, tied_embeddings=tied, yarn=yarn, sliding_window=7,
    sliding_layers=(1,),
  )  # fmt: skip
  made = hf_folders.make(tmp_path / "hf", cfg, dtype, shard_bytes=20_000)
  importing.import_folder(made, tmp_path / "workdir")
  export.export(tmp_path / "workdir", tmp_path / "out")
  assert hf_folders.tensors(tmp_path / "out") == hf_folders.tensors(made)
  assert hf_config.read(tmp_path / "out") == hf_config.read(made) == cfg
  assert (tmp_path / "out" / "tokenizer.json").read_bytes() == (
    made / "tokenizer.json"
  ).read_bytes()


def test_nothing_is_overwritten(trained, exported, tmp_path):
  before = sorted(path.name for path in exported.iterdir())
  with pytest.raises(ValueError, match="not empty"):
    export.export(trained, exported)
  assert sorted(path.name for path in exported.iterdir()) == before
  (tmp_path / "file").touch()
  with pytest.raises(ValueError, match="not empty"):
    export.export(trained, tmp_path / "file")
  (tmp_path / "empty").mkdir()
  export.export(trained, tmp_path / "empty")
  assert (tmp_path / "empty" / "config.json").is_file()


def _spoil_weights(folder):
  path = folder / "model.safetensors"
  data = bytearray(path.read_bytes())
  data[-5] ^= 1
  path.write_bytes(data)


def _spoil_shape(folder):
  path = folder / "config.json"
  values = json.loads(path.read_text())
  path.write_text(json.dumps(values | {"rms_norm_eps": 1e-5}))


def _spoil_template(folder):
  path = folder / "chat_template.jinja"
  path.write_text(path.read_text() + " ")


def _spoil_stops(folder):
  path = folder / "tokenizer_config.json"
  path.write_text(json.dumps(json.loads(path.read_text()) | {"stop_ids": [3]}))


SPOILT = {
  "weights": (_spoil_weights, r"model\.safetensors"),
  "shape": (_spoil_shape, "norm_eps=1e-05"),
  "template": (_spoil_template, "prompt"),
  "stops": (_spoil_stops, "stop ids"),
}


@pytest.mark.parametrize("what", SPOILT)
def test_what_reads_back_otherwise_is_no_export(
  trained, tmp_path, monkeypatch, what
):
  spoil, message = SPOILT[what]
  write = export._write_words

  def written(judge, folder, *more):
    write(judge, folder, *more)
    spoil(folder)

  monkeypatch.setattr(export, "_write_words", written)
  with pytest.raises(ValueError, match=message):
    export.export(trained, tmp_path / "hf")
  assert [*tmp_path.iterdir()] == []


def test_a_sentencepiece_tokenizer_is_refused(tmp_path):
  """AutoTokenizer would read other ids from it, and say nothing."""
  cfg = tiny.variant(vocab_size=512, max_positions=64)
  source = hf_folders.make(tmp_path / "source", cfg)
  for path in source.glob("*token*"):
    path.unlink()
  (source / "tokenizer.model").write_bytes(sentence_models.model("bpe"))
  importing.import_folder(source, tmp_path / "workdir")
  with pytest.raises(ValueError, match=r"convert it to tokenizer\.json"):
    export.export(tmp_path / "workdir", tmp_path / "hf")
  assert not (tmp_path / "hf").exists()


def test_a_damaged_report(trained, tmp_path):
  copy = tmp_path / "workdir"
  shutil.copytree(trained, copy)
  (copy / "report.json").write_text("{")
  with pytest.raises(ValueError, match=r"report\.json is no JSON"):
    export.export(copy, tmp_path / "hf")
