"""The page as a person meets it: in a browser, by mouse and by keyboard."""

import dataclasses

import pytest

from rrm_jax import config
from rrm_jax.tournament import simulated
from tests import chromium
from tests.tournament.groups import group
from tests.tournament.test_html_page import NASTY, played, says, texts

pytestmark = pytest.mark.skipif(
  chromium.binary() is None,
  reason="no Chromium on the path; RRM_CHROMIUM may name one",
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
  page = chromium.Page(chromium.binary(), tmp_path_factory.mktemp("profile"))
  yield page
  page.close()


@pytest.fixture
def opened(browser, tmp_path):
  """Opens the page of a tournament, and holds it to be without complaints."""
  path = tmp_path / "report.html"

  def opened(groups, judge, schedule, hash_="", **look):
    made, outcome, page = played(groups, judge, schedule)
    path.write_text(page, encoding="utf-8")
    browser.open("about:blank")
    browser.requests.clear()
    browser.problems.clear()
    browser.open(f"{path.as_uri()}{hash_}", **look)
    browser.wait("document.querySelector('#prompt h2') !== null")
    return made, outcome

  yield opened
  assert browser.problems == []
  assert {url.split("#")[0] for url in browser.requests} <= {
    path.as_uri(),
    "data:,",
  }


def prompts(count=6, size=5):
  return [
    group(size, f"p{i}", tuple(k == i % size for k in range(size)))
    for i in range(count)
  ]


def count(browser, selector):
  return browser.run(f"document.querySelectorAll('{selector}').length")


def text(browser, selector):
  return browser.run(f"document.querySelector('{selector}').innerText")


@pytest.mark.parametrize("size", [2, 5, 6, 8, 32])
def test_a_bracket_has_all_matches_and_none_lie_on_another(
  browser, opened, size
):
  schedule = config.Schedule("knockout", games=3)
  made, outcome = opened(prompts(2, size), simulated.flat(0.2), schedule)
  assert count(browser, ".bracket .game") == size - 1
  # Everyone but the champion of a match is led on by a line.
  assert count(browser, ".bracket path") == size - 2
  chosen = made["results"][0]["chosen"]
  assert f"★ {chosen}" in text(browser, ".champion")
  overlaps = browser.run(
    """[...document.querySelectorAll('.game')].map((g) =>
      g.getBoundingClientRect()).some((a, i, all) => all.some((b, j) =>
        i < j && a.left < b.right && b.left < a.right &&
        a.top < b.bottom && b.top < a.bottom))"""
  )
  assert overlaps is False
  last = outcome.contests["p0"].matches[-1]
  labels = browser.run(
    "[...document.querySelectorAll('.game')].map((g) => g.ariaLabel)"
  )
  assert f"candidate {last.advanced} won" in labels[-1]


def test_a_match_is_one_click_away(browser, opened):
  judge = says(simulated.flat(0.1), "<think>first this</think> then that")
  _, outcome = opened(prompts(), judge, config.Schedule("knockout", games=2))
  browser.run("document.querySelector('.game').click()")
  browser.wait("document.querySelector('dialog').open")
  shown = text(browser, "dialog")
  assert "Vote 1: for candidate" in shown and "Vote 2: for candidate" in shown
  assert "first this" in shown and "then that" in shown
  match = outcome.contests["p0"].matches[0]
  facts = browser.run(
    "[...document.querySelectorAll('.facts')].map((one) => one.innerText)"
  )
  assert {game.swapped for game in match.games} == {False, True}
  for game, fact in zip(match.games, facts, strict=True):
    first, second = sorted(match.pair, reverse=game.swapped)
    assert f"Assistant 1: candidate {first}, as Assistant 2" in fact
    assert f"Assistant 2: candidate {second} " in fact
  assert "finish: stopped" in shown and "thinking tokens" in shown
  assert text(browser, ".thought") == "<think>first this</think>"
  assert browser.run("location.hash") == "#prompt=0&match=0"
  browser.press("Escape", 27)
  browser.wait("!document.querySelector('dialog').open")
  browser.wait("location.hash === '#prompt=0'")


@pytest.mark.parametrize("strategy", ["round_robin", "swiss", "active"])
def test_matches_of_other_strategies_are_a_table(browser, opened, strategy):
  schedule = config.Schedule(strategy)
  _, outcome = opened(prompts(), simulated.flat(0.2), schedule)
  matches = outcome.contests["p0"].matches
  assert count(browser, "#prompt tbody tr") == len(matches)
  browser.run("[...document.querySelectorAll('#prompt .open')].at(-1).click()")
  browser.wait("document.querySelector('dialog').open")
  a, b = matches[-1].pair
  assert f"{a} " in text(browser, "#match-title")
  assert f"against {b}" in text(browser, "#match-title")


def test_the_winner_s_games_come_first(browser, opened):
  schedule = config.Schedule("round_robin", games=3)
  _, outcome = opened(prompts(1, 8), simulated.flat(0.3), schedule)
  labels = []
  for place, match in enumerate(outcome.contests["p0"].matches):
    browser.run(f"location.hash = '#prompt=0&match={place}'")
    title = f"Round 1: {match.pair[0]} "
    browser.wait(
      f"document.getElementById('match-title')?.innerText.startsWith('{title}')"
    )
    won = sum(game.winner == match.winner for game in match.games)
    label = f"candidate {match.winner} won, {won} to {3 - won}"
    browser.wait(f"match.innerText.includes('{label}')")
    labels.append((match.winner == match.pair[0], won))
  assert set(labels) == {(True, 2), (True, 3), (False, 2), (False, 3)}


def test_by_keyboard_alone(browser, opened):
  opened(prompts(), simulated.flat(0.2), config.Schedule())
  browser.press("Tab", 9)
  assert browser.run("document.activeElement.className") == "skip"
  browser.press("Enter", 13, "\r")
  browser.wait("document.activeElement.id === 'prompts'")
  for _ in range(40):
    browser.press("Tab", 9)
    if browser.run("document.activeElement.closest('#list') !== null"):
      break
  browser.press("ArrowDown", 40)
  browser.press("ArrowDown", 40)
  browser.press("Enter", 13, "\r")
  browser.wait("document.querySelector('#prompt h2').innerText === 'p2'")
  assert count(browser, "#list [aria-current=true]") == 1
  for _ in range(60):
    browser.press("Tab", 9)
    if browser.run("document.activeElement.className.startsWith('game')"):
      break
  browser.press("Enter", 13, "\r")
  browser.wait("document.querySelector('dialog').open")
  browser.press("Escape", 27)
  browser.wait("!document.querySelector('dialog').open")


def test_prompts_are_found(browser, opened):
  made, _ = opened(prompts(250), simulated.flat(0.2), config.Schedule())
  assert count(browser, "#list li") == 100
  browser.run("document.getElementById('more').click()")
  assert count(browser, "#list li") == 200
  wrong = sum(not row["correct"] for row in made["results"])
  browser.run("document.querySelector('#filters button').click()")
  assert text(browser, "#count") == f"{wrong} of 250 prompts"
  browser.run("document.querySelector('#filters button').click()")
  browser.run("search.value = 'P24'; search.dispatchEvent(new Event('input'))")
  assert text(browser, "#count") == "11 of 250 prompts"  # p24, p240 to p249
  assert browser.run("document.getElementById('more').hidden")


def test_a_match_can_be_linked_to(browser, opened):
  schedule = config.Schedule("round_robin")
  opened(prompts(), simulated.flat(0.2), schedule, "#prompt=3&match=2")
  browser.wait("document.querySelector('dialog').open")
  assert text(browser, "#prompt h2") == "p3"
  browser.run("location.hash = '#prompt=1'")
  browser.wait("document.querySelector('#prompt h2').innerText === 'p1'")
  assert not browser.run("document.querySelector('dialog').open")
  for nowhere in ("#prompt=99", "#prompt=x", "#prompts"):
    browser.run(f"location.hash = '{nowhere}'")
    browser.run("new Promise((done) => setTimeout(done, 100))")
    assert text(browser, "#prompt h2") == "p1"


def test_html_of_models_is_shown_as_text(browser, opened):
  judge = says(simulated.planted(lambda _: 0.0), NASTY[1])
  opened(
    [texts(*NASTY, uid=NASTY[0])], judge, config.Schedule("round_robin"),
    "#prompt=0&match=0",
  )  # fmt: skip
  browser.wait("document.querySelector('dialog').open")
  assert browser.run("typeof broken") == "undefined"
  assert count(browser, "img") == 0
  assert text(browser, "#prompt h2") == NASTY[0]
  assert text(browser, ".vote .text") == NASTY[1]
  bodies = browser.run(
    """[...document.querySelectorAll('.candidates .text')].map(
      (node) => node.textContent.charCodeAt(0))"""
  )
  assert sorted(bodies) == sorted(ord(one[0]) for one in NASTY)


def test_without_a_verdict_and_undecided(browser, opened):
  silent = simulated.invalid(simulated.flat(0.2), 1.0)
  schedule = config.Schedule("knockout")
  opened(prompts(), silent, schedule, "#prompt=0&match=0")
  browser.wait("document.querySelector('dialog').open")
  shown = text(browser, "dialog")
  assert "no verdict (no box)" in shown
  assert "went on by the rule for ties" in shown


def test_one_candidate_and_nothing_known(browser, opened):
  same = dataclasses.replace(group(2), responses=("a", "a"))
  opened([same], simulated.planted(lambda _: 0.0), config.Schedule())
  assert "Nobody had anyone to meet" in text(browser, "#prompt")
  assert "same text as 0" in text(browser, "#prompt")
  assert "Best of N" not in text(browser, "#summary")


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_nothing_is_wider_than_the_window(browser, opened, width):
  opened(
    prompts(3, 32), simulated.flat(0.2), config.Schedule(), width=width
  )  # fmt: skip
  assert browser.run("document.documentElement.scrollWidth") <= width


def test_light_dark_and_paper(browser, opened):
  back = "getComputedStyle(document.body).backgroundColor"
  opened(prompts(), simulated.flat(0.2), config.Schedule())
  assert browser.run(back) == "rgb(255, 255, 255)"
  browser.look(1280, 900, dark=True)
  assert browser.run(back) == "rgb(20, 23, 30)"
  assert poor_contrast(browser) == []
  browser.look(1280, 900, dark=False)
  assert poor_contrast(browser) == []
  browser.look(1280, 900, dark=True, media="print")
  assert browser.run(back) == "rgb(255, 255, 255)"
  assert browser.run("list.getClientRects().length") == 0
  browser.run("dispatchEvent(new Event('beforeprint'))")
  assert count(browser, "details:not([open])") == 0
  browser.run("dispatchEvent(new Event('afterprint'))")
  assert count(browser, "details[open]") == 0


def poor_contrast(browser):
  """Texts below WCAG's 4.5 to 1 against what they stand on."""
  return browser.run(
    """(() => {
      const parse = (text) => text.match(/[\\d.]+/g).map(Number);
      const light = (rgb) => {
        const [r, g, b] = rgb.map((v) => v / 255).map((v) =>
          v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
      };
      const behind = (node) => {
        for (let at = node; at; at = at.parentElement) {
          const found = parse(getComputedStyle(at).backgroundColor);
          if (found.length === 3) return found;
        }
        return [255, 255, 255];
      };
      const poor = [];
      for (const node of document.querySelectorAll('main *, header *')) {
        const own = [...node.childNodes].some((child) =>
          child.nodeType === 3 && child.textContent.trim());
        if (!own || !node.getClientRects().length) continue;
        const style = getComputedStyle(node);
        const text = node instanceof SVGElement ? style.fill : style.color;
        const a = light(parse(text).slice(0, 3)), b = light(behind(node));
        const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (ratio < 4.5) poor.push([node.textContent, ratio]);
      }
      return poor;
    })()"""
  )
