"""How a judge is asked goes along with its weights."""

import pytest

from rrm_jax.config import Template
from rrm_jax.text import templates


@pytest.mark.parametrize("thinking", [True, False])
def test_a_template_goes_with_the_weights(tmp_path, thinking):
  template = Template("arithmetic", thinking=thinking)
  assert templates.saved(tmp_path) is None
  templates.save(tmp_path, template)
  assert templates.saved(tmp_path) == template


def test_so_does_its_own_wording(tmp_path):
  words = tmp_path / "mine.txt"
  words.write_text("Be fair.\n=== user ===\n{query}|{response_1}|{response_2}")
  folder = tmp_path / "exported"
  folder.mkdir()
  template = Template(file=str(words))
  templates.save(folder, template)
  before = templates.wording(template)
  words.unlink()
  moved = folder.rename(tmp_path / "moved")
  found = templates.saved(moved)
  assert found.file.startswith(str(moved))
  assert templates.wording(found) == before


@pytest.mark.parametrize(
  ("text", "message"),
  [
    ("{", "holds no template"),
    ("{}", "holds no template"),
    ('{"template": {"nmae": "rrm"}}', r"judge\.json.*nmae"),
  ],
)
def test_a_broken_record_of_the_template(tmp_path, text, message):
  (tmp_path / "judge.json").write_text(text)
  with pytest.raises(ValueError, match=message):
    templates.saved(tmp_path)
