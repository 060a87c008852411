"""A config is taken as it is meant, or refused with the right name."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs import tournament
from rrm_jax import config
from rrm_jax.config import from_mapping, to_mapping


@dataclasses.dataclass(frozen=True)
class Cat:
  recipe: Literal["cat"] = "cat"
  lives: int = 9


@dataclasses.dataclass(frozen=True)
class Dog:
  breed: str
  recipe: Literal["dog"] = "dog"


@dataclasses.dataclass(frozen=True)
class Home:
  rooms: int
  rent: float = 1.5
  heated: bool = True
  guest: Cat | None = None
  pets: Mapping[str, Cat | Dog] = dataclasses.field(default_factory=dict)
  floors: tuple[int, ...] = ()
  colour: Literal["red", "blue"] = "red"


def test_values_are_taken_as_they_are_meant():
  home = from_mapping(
    Home,
    {
      "rooms": 3,
      "rent": 2,
      "guest": {"lives": 7},
      "pets": {"a": {"recipe": "dog", "breed": "x"}, "b": {"recipe": "cat"}},
      "floors": [1, 2],
      "colour": "blue",
    },
  )
  assert home == Home(
    3, 2.0, True, Cat(lives=7), {"a": Dog("x"), "b": Cat()}, (1, 2), "blue"
  )
  assert type(home.rent) is float
  assert list(home.pets) == ["a", "b"]
  assert from_mapping(Home, {"rooms": 1, "guest": None}).guest is None


@pytest.mark.parametrize(
  ("mapping", "message"),
  [
    ({"rooms": 1, "flors": []}, "config.flors .*did you mean config.floors"),
    ({"rooms": 1, "qqq": 0}, "config.qqq is no field of Home; did you mean"),
    ({}, "config lacks rooms, which Home needs"),
    ({"rooms": "1"}, "config.rooms='1' is str, must be int"),
    ({"rooms": True}, "config.rooms=True is bool, must be int"),
    ({"rooms": 1.0}, "config.rooms=1.0 is float, must be int"),
    ({"rooms": None}, "config.rooms=None is NoneType, must be int"),
    ({"rooms": 1, "rent": True}, "config.rent=True is bool, must be float"),
    ({"rooms": 1, "rent": "2"}, "config.rent='2' is str, must be float"),
    ({"rooms": 1, "heated": 1}, "config.heated=1 is int, must be bool"),
    ({"rooms": 1, "floors": 3}, "config.floors=3 is int, must be a list"),
    ({"rooms": 1, "floors": "12"}, "config.floors='12' is str"),
    ({"rooms": 1, "floors": [1, "2"]}, r"config.floors\[1\]='2' is str"),
    ({"rooms": 1, "colour": "pink"}, r"config.colour='pink' .*'red', 'blue'"),
    ({"rooms": 1, "guest": 3}, "config.guest=3 is int"),
    ({"rooms": 1, "guest": {"live": 3}}, "did you mean config.guest.lives"),
    ({"rooms": 1, "pets": []}, r"config.pets=\[\] is list"),
    (
      {"rooms": 1, "pets": {"a": {"recipe": "cow"}}},
      r"config.pets.a.recipe='cow' is not one of \['cat', 'dog'\]",
    ),
    ({"rooms": 1, "pets": {"a": {}}}, "config.pets.a.recipe=None is not one"),
    ({"rooms": 1, "pets": {"a": 5}}, "config.pets.a.recipe=5 is not one"),
    (
      {"rooms": 1, "pets": {"a": {"recipe": "dog"}}},
      "config.pets.a lacks breed, which Dog needs",
    ),
  ],
)
def test_mistakes_are_named(mapping, message):
  with pytest.raises(ValueError, match=message):
    from_mapping(Home, mapping)


cats = st.builds(Cat, lives=st.integers())
dogs = st.builds(Dog, breed=st.text())
homes = st.builds(
  Home,
  rooms=st.integers(),
  rent=st.floats(allow_nan=False, allow_infinity=False),
  heated=st.booleans(),
  guest=st.none() | cats,
  pets=st.dictionaries(st.text(), cats | dogs),
  floors=st.lists(st.integers()).map(tuple),
  colour=st.sampled_from(["red", "blue"]),
)


@given(homes)
def test_round_trip_through_json(home):
  mapping = to_mapping(home)
  assert from_mapping(Home, json.loads(json.dumps(mapping))) == home


@given(st.text(), st.integers())
def test_no_unknown_key_passes(key, value):
  known = {field.name for field in dataclasses.fields(Home)}
  if key not in known:
    with pytest.raises(ValueError, match="did you mean"):
      from_mapping(Home, {"rooms": 1, key: value})


def test_the_tournament_s_file_holds_the_defaults():
  found = from_mapping(config.Tournament, tournament.get_config().to_dict())
  assert found == config.Tournament()
  assert from_mapping(config.Tournament, to_mapping(found)) == found


TRAINED = config.Template("arithmetic", "words.txt", thinking=True)


@pytest.mark.parametrize(
  ("choice", "template"),
  [
    ({}, TRAINED),
    ({"thinking": "no"}, dataclasses.replace(TRAINED, thinking=False)),
    ({"thinking": "yes", "tagged": "yes"}, TRAINED),
    ({"tagged": "no"}, dataclasses.replace(TRAINED, tagged=False)),
    ({"file": "mine.txt"}, dataclasses.replace(TRAINED, file="mine.txt")),
    ({"name": "rrm"}, config.Template("rrm")),
    ({"name": "rrm", "file": "mine.txt"}, config.Template("rrm", "mine.txt")),
  ],
)
def test_how_a_model_is_asked(choice, template):
  assert config.TemplateChoice(**choice).of(TRAINED) == template


def test_a_choice_that_does_not_exist_names_the_nearest():
  with pytest.raises(ValueError, match=r"one of \['red', 'blue'\]; .* red\?"):
    from_mapping(Home, {"rooms": 1, "colour": "rot"})
