// Draws the page from the data that is embedded in it: `report-data` is
// report.json, `index-data` says in brief what each prompt is, and
// `prompt-data-N`, which is unpacked when prompt N is opened, holds its texts,
// matches and judgements (html_page.py names the fields).
//
// What models wrote is shown as text only: nothing here parses HTML.

const byId = (id) => document.getElementById(id);
const report = JSON.parse(byId("report-data").textContent);
const index = JSON.parse(byId("index-data").textContent);
const PAGE = 100; // rows that the list of prompts grows by
const MOST_CANDIDATES = 8; // that are listed without being asked for

// Elements

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== null && value !== false) node.setAttribute(name, value);
  }
  node.append(...children.flat().filter((child) => child !== null));
  return node;
}

function make(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

function draw(name, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  return fill(node, attributes, children);
}

function place(node, left, top, width, height) {
  const box = { left, top, width, height };
  for (const [name, value] of Object.entries(box)) {
    if (value !== undefined) node.style[name] = `${value}px`;
  }
  return node;
}

// Numbers

const count = (number) => number.toLocaleString("en");
const percent = (share) =>
  share == null ? "–" : `${(100 * share).toFixed(1)} %`;
const signed = (number) =>
  `${number < 0 ? "−" : "+"}${Math.abs(number).toFixed(2)}`;
const between = (row) =>
  `${(100 * row.low).toFixed(1)} to ${percent(row.high)}`;
const words = (name) => name.replaceAll("_", " ");

// Right and wrong: a mark, a colour and a word for who cannot see them.
function mark(right) {
  if (right === null || right === undefined) return null;
  const [sign, kind, word] = right
    ? ["✓", "good", "correct"]
    : ["✗", "bad", "incorrect"];
  return make(
    "span",
    { class: kind, title: word, role: "img", "aria-label": word },
    sign,
  );
}

// Summary

function head() {
  const strategy = words(report.schedule.strategy);
  const judge = [report.model, report.weights].filter(Boolean).join(" ");
  byId("head").append(
    make("h1", {}, report.name ? `Tournament: ${report.name}` : "Tournament"),
    make("p", {}, `${strategy}${judge ? `, judged by ${judge}` : ""}`),
  );
  if (report.simulated) {
    const text =
      "Simulated judge: no model read anything; this is for planning.";
    byId("head").append(make("p", { class: "notice" }, text));
  }
}

function figure(name, value, note = "") {
  const small = note ? make("small", {}, note) : null;
  return make("div", {}, make("dt", {}, name), make("dd", {}, value, small));
}

// Names, values and notes; what a tournament has none of is left out.
function figures() {
  const { judge, consistency: said } = report;
  const per = report.judgements_per_prompt.toFixed(1);
  const left = report.left_out ? `${report.left_out} too long, left out` : "";
  const rows = [
    ["prompts", count(report.prompts), left],
    [
      "candidates",
      count(report.candidates),
      `${count(report.contestants)} different`,
    ],
    [
      "judgements",
      count(report.judgements),
      `${per} a prompt, ${report.rounds} rounds`,
    ],
  ];
  if (judge && judge.accuracy !== null) {
    rows.push([
      "right verdicts",
      percent(judge.accuracy),
      `${between(judge)}, where one is correct`,
    ]);
  }
  if (judge?.thinking_tokens) {
    rows.push([
      "thinking tokens",
      count(Math.round(judge.thinking_tokens)),
      "mean of a judgement",
    ]);
  }
  if (judge) {
    rows.push(["without a verdict", percent(judge.invalid_rate), ""]);
    rows.push([
      "for what is shown first",
      percent(judge.first_rate),
      "50 % without position bias",
    ]);
  }
  if (judge?.pairs) {
    rows.push([
      "flipped by order",
      percent(judge.flip_rate),
      `of ${count(judge.pairs)} pairs in both orders`,
    ]);
  }
  if (said.triples) {
    rows.push([
      "cycles",
      percent(said.cyclic / said.triples),
      `${count(said.cyclic)} of ${count(said.triples)} triples`,
    ]);
  }
  rows.push(["upsets", percent(said.upsets), "wins against the rating"]);
  return make(
    "dl",
    { class: "figures" },
    rows.map((row) => figure(...row)),
  );
}

// A dot with its interval, on a scale from `low` to `high`.
function interval(row, value, low, high) {
  const at = (number) => `${(100 * (number - low)) / (high - low || 1)}%`;
  const y = 9;
  const whole = {
    x1: at(row.low),
    x2: at(row.high),
    y1: y,
    y2: y,
    class: "span",
  };
  return draw(
    "svg",
    { width: "100%", height: 2 * y, "aria-hidden": "true" },
    draw("line", { x1: "0%", x2: "100%", y1: y, y2: y, class: "grid" }),
    draw("line", whole),
    draw("circle", { cx: at(value), cy: y, r: 5, class: "dot" }),
  );
}

function table(caption, heads, rows) {
  const cells = (row) =>
    row.map((cell) =>
      cell instanceof Element && cell.tagName === "TD"
        ? cell
        : make("td", {}, cell),
    );
  return make(
    "div",
    { class: "scroll" },
    make(
      "table",
      {},
      caption ? make("caption", {}, caption) : null,
      make(
        "thead",
        {},
        make(
          "tr",
          {},
          heads.map((text) =>
            make(
              "th",
              { scope: "col", class: text.includes(" to ") && "plot" },
              text,
            ),
          ),
        ),
      ),
      make(
        "tbody",
        {},
        rows.map((row) => make("tr", {}, cells(row))),
      ),
    ),
  );
}

function ways(best) {
  const names = ["random", "majority", "chosen", "oracle"].filter(
    (name) => best[name],
  );
  const rows = names.map((name) => [
    name === "chosen" ? make("strong", {}, "chosen by the judge") : name,
    percent(best[name].accuracy),
    between(best[name]),
    make(
      "td",
      { class: "plot" },
      interval(best[name], best[name].accuracy, 0, 1),
    ),
  ]);
  const caption = `How often a choice is correct, on ${count(best.prompts)} prompts; 95 % intervals`;
  return make(
    "div",
    {},
    make("h2", {}, "Best of N"),
    table(caption, ["choice", "correct", "interval", "0 to 100 %"], rows),
  );
}

// Steps of 1, 2 or 5 times a power of ten, at most `most` of them.
function ticks(low, high, most) {
  const rough = (high - low || 1) / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((times) => times * power >= rough);
  const first = Math.ceil(low / step - 1e-9);
  const number = Math.floor(high / step + 1e-9) - first + 1;
  return Array.from({ length: number }, (_, i) => (first + i) * step);
}

// Labels at these heights, moved down and then up by as little as parts them.
function apart(levels, gap, bottom) {
  const sorted = levels.toSorted((a, b) => a.y - b.y);
  sorted.forEach((level, i) => {
    level.label = i ? Math.max(level.y, sorted[i - 1].label + gap) : level.y;
  });
  sorted.reverse().forEach((level, i) => {
    level.label = Math.min(level.label, i ? sorted[i - 1].label - gap : bottom);
  });
  return sorted;
}

// Curves by name: this tournament's first, then those it was put beside.
const curves = () =>
  Object.entries(report.curves ?? { chosen: report.best_of.curve });

function curvePlot(width) {
  const best = report.best_of;
  const longest = Math.max(...curves().map(([name]) => name.length), 8);
  const [left, right, top, height, foot] = [
    48,
    7.5 * longest + 20,
    10,
    250,
    44,
  ];
  const names = ["random", "majority", "oracle"].filter((name) => best[name]);
  const points = curves().flatMap(([, some]) => some);
  const values = [
    ...names.map((n) => best[n].accuracy),
    ...points.flatMap((p) => [p.low, p.high]),
  ];
  const low = Math.max(0, Math.min(...values) - 0.03);
  const high = Math.min(1, Math.max(...values) + 0.03);
  const most = Math.max(...points.map((p) => p.judgements)) || 1;
  const end = width - right;
  const x = (judgements) => left + ((end - left) * judgements) / most;
  const y = (share) => top + (height * (high - share)) / (high - low || 1);
  const svg = draw("svg", {
    width,
    height: top + height + foot,
    viewBox: `0 0 ${width} ${top + height + foot}`,
    role: "img",
    "aria-label":
      "Share of correct choices by judgements per prompt; the same numbers are in the table below",
  });
  const write = (text, at, down, anchor) =>
    svg.append(draw("text", { x: at, y: down, "text-anchor": anchor }, text));
  for (const share of ticks(100 * low, 100 * high, 6)) {
    const at = y(share / 100);
    svg.append(
      draw("line", { x1: left, x2: end, y1: at, y2: at, class: "grid" }),
    );
    write(`${+share.toFixed(6)} %`, left - 8, at + 4, "end");
  }
  for (const number of ticks(0, most, Math.max(2, (end - left) / 70))) {
    write(`${+number.toFixed(6)}`, x(number), top + height + 18, "middle");
  }
  write("judgements per prompt", (left + end) / 2, top + height + 38, "middle");
  for (const name of names) {
    const at = y(best[name].accuracy);
    svg.append(
      draw("line", { x1: left, x2: end, y1: at, y2: at, class: "level" }),
    );
  }
  curves().forEach(([, some], i) => svg.append(curveLine(some, x, y, i)));
  const labels = names.map((name) => ({ name, y: y(best[name].accuracy) }));
  curves().forEach(([name, some], i) =>
    labels.push({ name, y: y(some.at(-1).accuracy), kind: `hue${i % 6}` }),
  );
  for (const { name, label, kind } of apart(labels, 15, top + height)) {
    svg.append(
      draw("text", { x: end + 12, y: label + 4, class: kind ?? null }, name),
    );
  }
  return svg;
}

function curveLine(points, x, y, i) {
  const path = (key, some = points) =>
    some.map((p) => `${x(p.judgements)},${y(p[key])}`);
  const band = [...path("high"), ...path("low", points.toReversed())];
  const told = (p) =>
    `${p.judgements} judgements: ${percent(p.accuracy)}, ${between(p)}`;
  const dots = points.map((p) =>
    draw(
      "circle",
      { cx: x(p.judgements), cy: y(p.accuracy), r: 4, class: "dot" },
      draw("title", {}, told(p)),
    ),
  );
  return draw(
    "g",
    { class: `hue${i % 6}` },
    draw("polygon", { points: band.join(" "), class: "band" }),
    draw("polyline", { points: path("accuracy").join(" "), class: "curve" }),
    dots,
  );
}

function curve() {
  const plot = make("div");
  const rows = curves().flatMap(([name, some]) =>
    some.map((p) => [
      name,
      p.judgements.toFixed(2),
      percent(p.accuracy),
      between(p),
    ]),
  );
  const heads = ["", "judgements per prompt", "correct", "95 % interval"];
  const numbers = make(
    "details",
    {},
    make("summary", {}, "Numbers"),
    table("", heads, rows),
  );
  new ResizeObserver(() => {
    if (plot.clientWidth) plot.replaceChildren(curvePlot(plot.clientWidth));
  }).observe(plot);
  return make(
    "div",
    {},
    make("h2", {}, "Correct choices by judgements spent"),
    plot,
    numbers,
  );
}

function leaderboard(rows) {
  const low = Math.min(...rows.map((row) => row.low));
  const high = Math.max(...rows.map((row) => row.high));
  const cells = rows.map((row) => [
    `candidate ${row.candidate}`,
    signed(row.bradley_terry),
    `${signed(row.low)} to ${signed(row.high)}`,
    make("td", { class: "plot" }, interval(row, row.bradley_terry, low, high)),
    row.elo.toFixed(0),
    percent(row.win_rate),
    count(row.games),
    percent(row.accuracy),
  ]);
  const caption =
    "By place in every prompt's list: of use where place k is always the same model. Bradley-Terry in log odds, with 95 % intervals over prompts.";
  const heads = [
    "",
    "strength",
    "interval",
    `${signed(low)} to ${signed(high)}`,
    "Elo",
    "wins",
    "games",
    "correct",
  ];
  return make(
    "div",
    {},
    make("h2", {}, "Leaderboard"),
    table(caption, heads, cells),
  );
}

function flat(value, name = "") {
  if (value === null || typeof value !== "object" || Array.isArray(value)) {
    return [
      [name, Array.isArray(value) ? value.join(", ") || "–" : String(value)],
    ];
  }
  return Object.entries(value).flatMap(([key, inner]) =>
    flat(inner, name ? `${name}.${key}` : key),
  );
}

function settings() {
  const chosen = report.config ?? {
    schedule: report.schedule,
    rating: report.rating,
  };
  const rows = [...flat(chosen), ...flat(report.files ?? {}, "files")];
  const list = rows.map(([name, value]) =>
    make(
      "div",
      {},
      make("dt", {}, name),
      make("dd", {}, value === "" ? "–" : value),
    ),
  );
  return make(
    "details",
    {},
    make("summary", {}, "Settings and files"),
    make("dl", { class: "settings" }, list),
  );
}

function summary() {
  const best = report.best_of;
  byId("summary").append(figures());
  if (best)
    byId("summary").append(
      make("div", { class: "beside" }, ways(best), curve()),
    );
  if (report.leaderboard)
    byId("summary").append(leaderboard(report.leaderboard));
  byId("summary").append(settings());
}

// The list of prompts

const picked = new Set(); // tags that a prompt must have
let found = []; // numbers of the prompts that are listed
let shown = 0; // of them, in the list

function filters() {
  const counts = new Map();
  for (const { tags } of index)
    for (const tag of tags) counts.set(tag, (counts.get(tag) ?? 0) + 1);
  for (const [tag, number] of [...counts].sort()) {
    const button = make(
      "button",
      { type: "button", "aria-pressed": "false" },
      `${tag} ${count(number)}`,
    );
    button.addEventListener("click", () => {
      if (!picked.delete(tag)) picked.add(tag);
      button.setAttribute("aria-pressed", picked.has(tag));
      list();
    });
    byId("filters").append(button);
  }
}

function matching(number) {
  const { id, subset } = report.results[number];
  const { query, tags } = index[number];
  const wanted = byId("search")
    .value.toLowerCase()
    .split(/\s+/)
    .filter(Boolean);
  const text = `${id} ${subset} ${query}`.toLowerCase();
  return (
    [...picked].every((tag) => tags.includes(tag)) &&
    wanted.every((word) => text.includes(word))
  );
}

function list() {
  found = index.map((_, number) => number).filter(matching);
  shown = 0;
  steps();
  byId("list").replaceChildren();
  byId("count").textContent =
    `${count(found.length)} of ${count(index.length)} prompts`;
  grow();
}

function grow() {
  const next = found.slice(shown, shown + PAGE);
  byId("list").append(...next.map(entry));
  shown += next.length;
  const left = found.length - shown;
  byId("more").hidden = left === 0;
  byId("more").textContent =
    `Show ${Math.min(PAGE, left)} more of ${count(left)}`;
}

function entry(number) {
  const result = report.results[number];
  const { query, tags } = index[number];
  const link = make(
    "a",
    {
      href: `#prompt=${number}`,
      "aria-current": number === open.prompt && "true",
    },
    make(
      "div",
      { class: "id" },
      mark(result.correct),
      result.correct === null ? "" : " ",
      result.id,
    ),
    make("div", { class: "query" }, query),
    badges(tags),
  );
  return make("li", {}, link);
}

function badges(tags) {
  const each = tags.map((tag) => make("span", { class: "badge" }, tag));
  return make("div", { class: "badges" }, each);
}

// Arrow keys go through the list.
function walk(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const links = [...byId("list").querySelectorAll("a")];
  const to = links[links.indexOf(document.activeElement) + step];
  if (!step || !to) return;
  event.preventDefault();
  to.focus();
}

// One prompt

const open = { prompt: null, match: null, data: null };

async function unpack(number) {
  const packed = byId(`prompt-data-${number}`).textContent;
  const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes])
    .stream()
    .pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).json();
}

function turns(conversation) {
  return conversation.map(([role, content]) => {
    const who = conversation.length > 1 ? make("strong", {}, role) : null;
    return make(
      "div",
      { class: "turn" },
      who,
      make("div", { class: "text" }, content),
    );
  });
}

const right = (data, candidate) => data.correct?.[candidate] ?? null;

function candidates(data, result) {
  const { ratings, chosen } = result;
  const order = ratings.map((_, i) => i);
  order.sort(
    (a, b) => (b === chosen) - (a === chosen) || ratings[b] - ratings[a],
  );
  const rows = order.map((i) => candidate(data, result, i));
  const list = (some) => make("ol", { class: "candidates" }, some);
  if (rows.length <= MOST_CANDIDATES + 1) return [list(rows)];
  const more = `${rows.length - MOST_CANDIDATES} more`;
  return [
    list(rows.slice(0, MOST_CANDIDATES)),
    make(
      "details",
      {},
      make("summary", {}, more),
      list(rows.slice(MOST_CANDIDATES)),
    ),
  ];
}

function candidate(data, result, i) {
  const text = data.candidates[i];
  const first = result.equal_to[i];
  const badge = (what) => make("span", { class: "badge" }, what);
  const line = [
    make("strong", {}, `candidate ${i}`),
    mark(right(data, i)),
    i === result.chosen ? badge("★ chosen") : null,
    i === first ? null : badge(`same text as ${first}`),
    make("span", { class: "start" }, text.slice(0, 200)),
    make(
      "span",
      { class: "rating", title: "rating" },
      rating(result.ratings[i]),
    ),
  ];
  const body = make("div", { class: "text" }, text || "(empty)");
  return make(
    "li",
    { class: i === result.chosen && "chosen" },
    make("details", {}, make("summary", {}, line), body),
  );
}

function rating(value) {
  const method = report.rating.method;
  if (method === "elo") return value.toFixed(1);
  return method === "win_rate" ? percent(value) : signed(value);
}

const wins = (match, side) =>
  match.games.filter((game) => game.winner === match.pair[side]).length;
const onward = (match) => match.advanced ?? match.winner;

// Whether a candidate that is wrong went on past one that is right.
function erred(data, match) {
  const won = onward(match);
  const other = match.pair.find((candidate) => candidate !== won);
  return (
    won !== null && right(data, won) === false && right(data, other) === true
  );
}

function told(match) {
  const [a, b] = match.pair;
  const games = [wins(match, 0), wins(match, 1)].sort((x, y) => y - x);
  const score = `${games[0]} to ${games[1]}`;
  if (match.winner !== null) return `candidate ${match.winner} won, ${score}`;
  const by =
    match.advanced === null
      ? ""
      : `; candidate ${match.advanced} went on by the rule for ties`;
  return `neither ${a} nor ${b} won more games, ${score}${by}`;
}

function tabled(data) {
  const rows = data.matches.map((match, i) => {
    const [a, b] = match.pair;
    const button = make(
      "button",
      { class: "open", type: "button", onclick: () => go(open.prompt, i) },
      `${a} against ${b}`,
    );
    const winner =
      match.winner === null
        ? "neither"
        : [`${match.winner} `, mark(right(data, match.winner))];
    const note = erred(data, match)
      ? make("span", { class: "bad" }, "passed over a correct one")
      : "";
    return [
      make("td", {}, button),
      String(match.round),
      `${wins(match, 0)} : ${wins(match, 1)}`,
      make("td", {}, winner),
      make("td", { class: "left" }, note),
    ];
  });
  return table(
    "Press a match to read what the judge said.",
    ["match", "round", "games", "winner", ""],
    rows,
  );
}

// Where each match stands: the column is its round; the height the middle of
// the two it came from, or of leaves that are counted from the top.
function tree(matches) {
  const spots = matches.map(() => null);
  let leaves = 0;
  const slot = (before, candidate) => {
    for (let i = before - 1; i >= 0; i -= 1) {
      if (matches[i].advanced === candidate) return settle(i);
    }
    leaves += 1;
    return { from: null, y: leaves - 1 };
  };
  function settle(i) {
    const sides = matches[i].pair.map((candidate) => slot(i, candidate));
    spots[i] = {
      from: sides.map((side) => side.from),
      y: (sides[0].y + sides[1].y) / 2,
    };
    return { from: i, y: spots[i].y };
  }
  settle(matches.length - 1);
  return { spots, leaves };
}

function bracket(data) {
  const { matches } = data;
  const { spots, leaves } = tree(matches);
  const [width, gap, unit, box, top] = [118, 30, 26, 44, 26];
  const left = (i) => (matches[i].round - 1) * (width + gap);
  const middle = (i) => top + (spots[i].y + 0.5) * unit;
  const rounds = matches.at(-1).round;
  const whole = make("div", { class: "bracket" });
  place(
    whole,
    undefined,
    undefined,
    rounds * (width + gap) + 120,
    top + leaves * unit + 8,
  );
  const lines = draw("svg", {
    width: "100%",
    height: "100%",
    "aria-hidden": "true",
  });
  whole.append(lines);
  for (let round = 1; round <= rounds; round += 1) {
    whole.append(
      place(
        make(
          "div",
          { class: "round" },
          round === rounds ? "Final" : `Round ${round}`,
        ),
        (round - 1) * (width + gap),
        0,
      ),
    );
  }
  matches.forEach((match, i) => {
    whole.append(
      place(game(data, match, i), left(i), middle(i) - box / 2, width, box),
    );
    for (const from of spots[i].from) {
      if (from === null) continue;
      const turn = left(i) - gap / 2;
      lines.append(
        draw("path", {
          d: `M${left(from) + width},${middle(from)}H${turn}V${middle(i)}H${left(i)}`,
        }),
      );
    }
  });
  const last = matches.length - 1;
  const champion = make(
    "div",
    { class: "champion" },
    `★ ${matches[last].advanced} `,
    mark(right(data, matches[last].advanced)),
  );
  whole.append(place(champion, left(last) + width + 12, middle(last) - 11));
  const hint =
    "Press a match to read what the judge said. Dashed: a correct candidate lost to an incorrect one.";
  return [
    make("p", { class: "faint" }, hint),
    make(
      "div",
      {
        class: "scroll",
        tabindex: "0",
        role: "group",
        "aria-label": "Bracket",
      },
      whole,
    ),
  ];
}

function game(data, match, i) {
  const rows = match.pair.map((candidate, side) => {
    const won = candidate === match.advanced;
    return make(
      "span",
      { class: won && "won", title: data.candidates[candidate].slice(0, 300) },
      make("span", {}, `${candidate} `, mark(right(data, candidate))),
      String(wins(match, side)),
    );
  });
  const label = `Round ${match.round}: candidate ${match.pair[0]} against candidate ${match.pair[1]}; ${told(match)}`;
  return make(
    "button",
    {
      type: "button",
      class: erred(data, match) ? "game erred" : "game",
      "aria-label": label,
      onclick: () => go(open.prompt, i),
    },
    rows,
  );
}

function played(data) {
  if (!data.matches.length)
    return [
      make("p", {}, "Nobody had anyone to meet: all candidates are the same."),
    ];
  return report.schedule.strategy === "knockout"
    ? bracket(data)
    : [tabled(data)];
}

function prompt(number, data) {
  const result = report.results[number];
  const judged = `${count(result.judgements)} judgements.`;
  const verdict = {
    true: " The chosen candidate is correct.",
    false: " The chosen candidate is incorrect.",
  };
  const told = `${judged}${verdict[result.correct] ?? ""}`;
  const knockout = report.schedule.strategy === "knockout";
  byId("prompt").replaceChildren(
    make("h2", {}, result.id),
    make("p", { id: "steps" }),
    make("p", {}, [result.subset, told].filter(Boolean).join(": ")),
    badges(index[number].tags),
    make("h3", {}, "Query"),
    ...turns(data.conversation),
    make("h3", {}, "Candidates, best first"),
    ...candidates(data, result),
    make("h3", {}, knockout ? "Bracket" : "Matches"),
    ...played(data),
  );
  steps();
}

// Links to the neighbours of the open prompt among those that are listed.
function steps() {
  const at = found.indexOf(open.prompt);
  const step = (to, text) =>
    to !== undefined && make("a", { href: `#prompt=${to}` }, text);
  const links =
    at < 0
      ? []
      : [step(found[at - 1], "← previous"), step(found[at + 1], "next →")];
  byId("steps")?.replaceChildren(...links.filter(Boolean));
}

// One match

// What the judge wrote, its thinking apart from its answer.
function reasoning(text) {
  const end = text.indexOf("</think>");
  if (end < 0) return make("div", { class: "text" }, text || "(nothing)");
  const thought = make(
    "span",
    { class: "thought" },
    text.slice(0, end + "</think>".length),
  );
  return make(
    "div",
    { class: "text" },
    thought,
    text.slice(end + "</think>".length),
  );
}

function vote(match, one, i) {
  const [low, high] = match.pair.toSorted((a, b) => a - b);
  const [first, second] = one.swapped ? [high, low] : [low, high];
  const facts = [
    `shown as Assistant 1: candidate ${first}, as Assistant 2: candidate ${second}`,
    `sample ${one.sample_id}`,
    `${count(one.thinking_tokens)} thinking tokens of ${count(one.completion_tokens)} written after ${count(one.prompt_tokens)} read`,
    `finish: ${one.finish}`,
  ];
  let title = one.winner === null ? "no winner" : `for candidate ${one.winner}`;
  if (!one.valid)
    title = `no verdict (${one.invalid})${one.winner === null ? "" : `, ${title} by the rule`}`;
  return make(
    "section",
    { class: "vote" },
    make("h3", {}, `Vote ${i + 1}: ${title}`),
    make("p", { class: "facts" }, facts.join(" · ")),
    reasoning(one.text),
  );
}

function showMatch(data, i) {
  const match = data.matches[i];
  const focused = document.activeElement?.id;
  const button = (id, to, text) =>
    make(
      "button",
      {
        id,
        type: "button",
        disabled: !data.matches[to],
        onclick: () => go(open.prompt, to),
      },
      text,
    );
  const texts = match.pair.map((candidate) =>
    make(
      "details",
      {},
      make(
        "summary",
        {},
        `candidate ${candidate} `,
        mark(right(data, candidate)),
      ),
      make("div", { class: "text" }, data.candidates[candidate] || "(empty)"),
    ),
  );
  const query = make(
    "details",
    {},
    make("summary", {}, "Query"),
    ...turns(data.conversation),
  );
  const close = make(
    "button",
    { type: "button", onclick: () => byId("match").close() },
    "Close",
  );
  const title = make(
    "h2",
    { id: "match-title" },
    `Round ${match.round}: ${match.pair[0]} `,
    mark(right(data, match.pair[0])),
    ` against ${match.pair[1]} `,
    mark(right(data, match.pair[1])),
  );
  byId("match").replaceChildren(
    make(
      "header",
      {},
      title,
      button("match-back", i - 1, "← Match"),
      button("match-on", i + 1, "Match →"),
      close,
    ),
    make(
      "p",
      {},
      `Outcome: ${told(match)}.`,
      erred(data, match)
        ? make(
            "span",
            { class: "bad" },
            " A correct candidate lost to an incorrect one.",
          )
        : null,
    ),
    query,
    ...texts,
    ...match.games.map((one, place) => vote(match, one, place)),
  );
  if (!byId("match").open) byId("match").showModal();
  if (focused) byId(focused)?.focus();
  byId("match").scrollTop = 0;
}

// What is open is in the address, so that it can be linked to.

function go(number, match) {
  location.hash =
    match === undefined
      ? `prompt=${number}`
      : `prompt=${number}&match=${match}`;
}

async function follow() {
  const { hash } = location;
  const address = new URLSearchParams(hash.slice(1));
  const number = Number(address.get("prompt") ?? 0);
  if (!index[number] || (hash && !address.has("prompt"))) return;
  if (number !== open.prompt) {
    const data = await unpack(number);
    if (location.hash !== hash) return; // another was opened meanwhile
    Object.assign(open, { prompt: number, data });
    prompt(number, data);
    for (const link of byId("list").querySelectorAll("a")) {
      const current = link.getAttribute("href") === `#prompt=${number}`;
      if (current) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  }
  const match = address.has("match") ? Number(address.get("match")) : null;
  if (match !== null && open.data.matches[match]) showMatch(open.data, match);
  else byId("match").close();
}

function start() {
  head();
  summary();
  filters();
  list();
  byId("search").addEventListener("input", list);
  byId("more").addEventListener("click", grow);
  byId("list").addEventListener("keydown", walk);
  byId("match").addEventListener("close", () => {
    if (location.hash.includes("&match=")) go(open.prompt);
  });
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not([open])")];
    for (const one of opened) one.open = true;
  });
  addEventListener("afterprint", () => {
    for (const one of opened) one.open = false;
  });
  addEventListener("hashchange", follow);
  follow();
}

start();
