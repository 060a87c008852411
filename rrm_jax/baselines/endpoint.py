"""A judge behind an OpenAI-compatible HTTP endpoint, as vLLM serves one.

The wording, the parsing of verdicts and the orders are those of our own
judges, so what differs between two reports is the model. Samples are another
server's: the seed that is sent makes them repeatable only as far as it does.
"""

import concurrent.futures
import dataclasses
import hashlib
import http.client
import json
import logging
import os
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rrm_jax import config
from rrm_jax.records import Finish, Judgement, Question
from rrm_jax.text import templates, verdict

_CLOSING_TAG = "</think>"
# Worth another try: too many requests, or a server that is not well.
_PASSING = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
_LONGEST_PAUSE = 60.0
_SHOWN_BODY = 300


@dataclasses.dataclass(frozen=True)
class Endpoint:
  """A `Judging` that asks a server.

  Attributes:
    url: Up to the version, as in "http://localhost:8000/v1".
    model: What the server calls it.
    template: How comparisons are put to it.
    sampling: Filters and room; there are no thinking budgets over HTTP.
    seed: With a question, it is the seed that is sent.
    concurrency: Requests under way at once.
    timeout: Seconds for a request.
    tries: How often a request is made before it counts as failed.
    pause: Seconds before the second try; they double from try to try.
    key_variable: The environment variable with the API key, if one is needed.
  """

  url: str
  model: str
  template: config.Template
  sampling: config.Sampling
  seed: int = 0
  concurrency: int = 16
  timeout: float = 600.0
  tries: int = 6
  pause: float = 1.0
  key_variable: str = "OPENAI_API_KEY"

  def __post_init__(self) -> None:
    if not self.url.startswith(("http://", "https://")):
      raise ValueError(f"url={self.url!r} must begin with http:// or https://")
    if min(self.concurrency, self.tries) < 1:
      raise ValueError(
        f"concurrency={self.concurrency} and tries={self.tries} must be at "
        "least 1"
      )
    if max(self.sampling.thinking_budget, self.sampling.answer_budget) >= 0:
      raise ValueError(
        f"thinking_budget={self.sampling.thinking_budget} and answer_budget="
        f"{self.sampling.answer_budget}: an endpoint has no budgets; set them "
        "to -1, and max_new_tokens to what it may write"
      )

  @property
  def identity(self) -> Mapping[str, Any]:
    """What its answers hang on beside the question, as plain values."""
    return {
      "endpoint": self.url,
      "model": self.model,
      "template": config.to_mapping(self.template),
      "wording": dataclasses.asdict(templates.wording(self.template)),
      "sampling": config.to_mapping(self.sampling),
      "seed": self.seed,
    }

  def __call__(self, questions: Sequence[Question]) -> list[Judgement]:
    """Answers questions, in their order.

    Raises:
      ValueError: as `stream`.
    """
    made = dict(self.stream(questions))
    return [made[number] for number in range(len(questions))]

  def stream(
    self, questions: Sequence[Question]
  ) -> Iterator[tuple[int, Judgement]]:
    """Answers as they come, each with its question's number.

    Raises:
      ValueError: the server refuses a request, cannot be reached, or answers
        something else than a completion; the others are then called off.
    """
    pool = concurrent.futures.ThreadPoolExecutor(self.concurrency)
    try:
      asked = {
        pool.submit(self._judge, question): number
        for number, question in enumerate(questions)
      }
      for done in concurrent.futures.as_completed(asked):
        yield asked[done], done.result()
    finally:
      pool.shutdown(wait=True, cancel_futures=True)

  def _judge(self, question: Question) -> Judgement:
    answer = self._post(self._body(question))
    try:
      return self._read(question, answer)
    except (KeyError, IndexError, TypeError, AttributeError) as error:
      raise ValueError(
        f"{self.url} answered something else than a chat completion: "
        f"{_cut(json.dumps(answer))} ({error!r})"
      ) from None

  def _body(self, question: Question) -> dict[str, Any]:
    sampling = self.sampling
    told = templates.messages(
      self.template, question.comparison, question.swapped
    )
    body: dict[str, Any] = {
      "model": self.model,
      "messages": [message._asdict() for message in told],
      "max_tokens": sampling.max_new_tokens,
      "temperature": sampling.temperature,
      "top_p": sampling.top_p,
      "seed": _seed(self.seed, question),
    }
    # These two are vLLM's, which others refuse.
    if sampling.top_k:
      body["top_k"] = sampling.top_k
    if sampling.min_p:
      body["min_p"] = sampling.min_p
    if sampling.stop:
      body["stop"] = list(sampling.stop)
    return body

  def _read(self, question: Question, answer: dict[str, Any]) -> Judgement:
    choice, usage = answer["choices"][0], answer["usage"]
    text = _text(choice["message"])
    stopped = choice["finish_reason"] == "stop"
    thinking = self.template.thinking
    tagged = thinking and self.template.tagged
    said = verdict.parse(text, thinking=tagged, stopped=stopped)
    return Judgement(
      uid=question.comparison.uid,
      sample_id=question.sample_id,
      swapped=question.swapped,
      verdict=said.unswapped(question.swapped),
      text=text,
      prompt_tokens=usage["prompt_tokens"],
      thinking_tokens=_thinking_tokens(text, usage) if thinking else 0,
      completion_tokens=usage["completion_tokens"],
      finish=Finish.STOPPED if stopped else Finish.LENGTH,
    )

  def _post(self, body: Mapping[str, Any]) -> dict[str, Any]:
    """Makes a request, again where that may help.

    Raises:
      ValueError: it failed, the last time or for good.
    """
    for attempt in range(1, self.tries + 1):
      try:
        with urllib.request.urlopen(
          self._request(body), timeout=self.timeout
        ) as response:
          return json.loads(response.read())
      except urllib.error.HTTPError as error:
        asked_for = error.headers.get("Retry-After") or ""
        reason = f"{error.code} {error.reason}: {_cut(_body_of(error))}"
        if error.code not in _PASSING:
          raise ValueError(f"{self.url} refused a request: {reason}") from None
      except (
        OSError,
        http.client.HTTPException,
        json.JSONDecodeError,
      ) as error:
        asked_for, reason = "", f"{error!r}"
      if attempt < self.tries:
        pause = self._pause(attempt, asked_for)
        logging.warning(
          "%s failed, again in %.1f s: %s", self.url, pause, reason
        )
        time.sleep(pause)
    raise ValueError(
      f"{self.url} failed {self.tries} times, the last time with {reason}; is "
      "the server up, and is this its address?"
    )

  def _request(self, body: Mapping[str, Any]) -> urllib.request.Request:
    headers = {"Content-Type": "application/json"}
    key = os.environ.get(self.key_variable)
    if key:
      headers["Authorization"] = f"Bearer {key}"
    return urllib.request.Request(
      f"{self.url.rstrip('/')}/chat/completions",
      data=json.dumps(body).encode(),
      headers=headers,
    )

  def _pause(self, attempt: int, asked_for: str) -> float:
    """Seconds to wait: as the server asks, else twice as long each time."""
    if asked_for.isdecimal():
      return min(float(asked_for), _LONGEST_PAUSE)
    return min(self.pause * 2 ** (attempt - 1), _LONGEST_PAUSE)


def _seed(seed: int, question: Question) -> int:
  """31 bits for a question's sample, in any order of asking."""
  name = (
    f"{seed}/{question.comparison.uid}/{question.swapped:d}/"
    f"{question.sample_id}"
  )
  digest = hashlib.sha256(name.encode()).digest()
  return int.from_bytes(digest[:4], "big") >> 1


def _text(message: Mapping[str, Any]) -> str:
  """The whole completion; servers may hand its thought over apart."""
  content = message.get("content") or ""
  thought = message.get("reasoning_content") or message.get("reasoning")
  return f"{thought}{_CLOSING_TAG}{content}" if thought else content


def _thinking_tokens(text: str, usage: Mapping[str, Any]) -> int:
  """Tokens of thought: the server's count, else by the share of characters."""
  details = usage.get("completion_tokens_details") or {}
  if details.get("reasoning_tokens"):
    return details["reasoning_tokens"]
  thought = text.partition(_CLOSING_TAG)[0]
  return round(usage["completion_tokens"] * len(thought) / max(1, len(text)))


def _body_of(error: urllib.error.HTTPError) -> str:
  return error.read().decode(errors="replace").strip()


def _cut(text: str) -> str:
  return text if len(text) <= _SHOWN_BODY else f"{text[:_SHOWN_BODY]}..."
