"""Which pictures a study has."""

import dataclasses

from rrm_jax.analysis import study, study_pictures, style

from .judged import comparison, judgement
from .test_plots import inked, size

ALWAYS = {"votes", "tokens", "right_by_length", "length_by_errors"}
BY_SUBSET = {"accuracy", "length_by_subset", "position", "flips"}


def study_of(name, subsets, *, thinking=10, text="wait"):
  """Six comparisons, three votes on each in both orders, some of them wrong."""
  known = {
    f"{i}": comparison(f"{i}", 1, subsets[i % len(subsets)]) for i in range(6)
  }
  judged = [
    dataclasses.replace(
      judgement(
        uid,
        2 if (int(uid) + vote) % 3 == 0 and vote < 2 else 1,
        vote,
        swapped=swapped,
        thinking=thinking * (1 + int(uid) % 3),
      ),
      text=f"{text}</think>",
    )
    for uid in known
    for vote in range(3)
    for swapped in (False, True)
  ]
  lengths = dict.fromkeys(known, (20, 30))
  return judged, known, {name: study.figures(judged, known, lengths)}


def drawn(judges, folder, **others):
  files = study_pictures.draw({"judges": judges, **others}, folder)
  assert {path.stem for path in folder.glob("*.png")} == set(files)
  return set(files)


def test_what_has_something_to_show(tmp_path):
  _, _, judges = study_of("mine", ["Chat", "Safety"])
  found = drawn(judges, tmp_path)
  shared = {"patterns", "length_bias", "calibration"}
  assert found == ALWAYS | BY_SUBSET | shared  # no answer was invalid


def test_one_subset_and_no_words_are_no_pictures(tmp_path):
  _, _, judges = study_of("mine", [""], text="3 + 4")
  found = drawn(judges, tmp_path)
  assert found == ALWAYS | {"length_bias", "calibration"}


def test_a_judge_that_does_not_think(tmp_path):
  _, _, judges = study_of("mine", ["Chat", "Safety"], thinking=0)
  assert judges["mine"]["patterns"] is None
  found = drawn(judges, tmp_path)
  assert not found & {"patterns", "length_by_subset", "right_by_length"}
  assert "tokens" in found


def test_a_judge_has_one_colour_in_all_pictures(tmp_path):
  _, _, silent = study_of("silent", ["Chat", "Safety"], thinking=0)
  _, _, other = study_of("other", ["Chat", "Safety"])
  drawn(silent | other, tmp_path)
  colour = style.looks(["silent", "other"])["other"].colour
  for name in ("accuracy", "length_by_subset", "right_by_length"):
    assert inked(tmp_path / f"{name}.png", colour) > 50


def test_a_judge_of_one_vote_is_a_point_beside_others(tmp_path):
  _, _, judges = study_of("mine", ["Chat"])
  once = {**judges["mine"], "votes": judges["mine"]["votes"][:1]}
  assert {"votes", "tokens"} <= drawn({**judges, "once": once}, tmp_path)
  alone = tmp_path / "alone"
  alone.mkdir()
  assert not {"votes", "tokens"} & drawn({"once": once}, alone)


def test_long_names_leave_room_for_the_chart(tmp_path):
  """Where they do not, matplotlib warns, which is an error here."""
  first, known, one = study_of("a-long-name" * 9, ["Chat", "S" * 90])
  second, _, other = study_of("another-name" * 9, ["Chat", "S" * 90])
  compared = study.compared(first, second, known)
  assert "difference" in drawn(one | other, tmp_path, compared=compared)
  assert size(tmp_path / "difference.png") == (1500, 880)
