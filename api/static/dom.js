// What the pages' scripts share. Whatever comes from articles, models or links becomes text nodes, never markup.

/** An element; attributes that are null are left out, functions are listeners, children are nodes or text. */
export function el(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(key, value);
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return made;
}

/** An error with words for people: `retry` tells whether the same may work later. */
export class Trouble extends Error {
  constructor(message, { retry = false, status = 0, results = null } = {}) {
    super(message);
    Object.assign(this, { retry, status, results });
  }
}

/** `fetch`, with the service's own words where it refuses, and plain ones where it cannot be reached. */
export async function call(path, options = {}) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Trouble("The service cannot be reached. Is it running, and are you online?", { retry: true });
  }
  if (response.ok) return response;
  const told = await response.json().catch(() => ({}));
  const words = told.detail || told.title || `The service answered with status ${response.status}.`;
  throw new Trouble(words, { retry: response.status >= 500, status: response.status, results: told.results ?? null });
}

/** The events of a response, each `{name, data}`, as they come. */
export async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    const parts = (rest += value ?? "").split("\n\n");
    rest = parts.pop();
    for (const part of parts) {
      const lines = part.split("\n");
      const name = lines.find((line) => line.startsWith("event: "))?.slice(7) ?? "";
      const data = lines.find((line) => line.startsWith("data: "))?.slice(6);
      if (data) yield { name, data: JSON.parse(data) };
    }
    if (done) return;
  }
}

/** Where the code point numbered `point` starts in `text`, in UTF-16 units. */
export function unitOf(text, point) {
  let unit = 0;
  for (let n = 0; n < point && unit < text.length; n += 1) unit += text.codePointAt(unit) > 0xffff ? 2 : 1;
  return unit;
}

export const day = (date) => (date ?? "").slice(0, 10);

/** An address that is safe to follow, or null. */
export function webAddress(url) {
  try {
    return ["http:", "https:"].includes(new URL(url).protocol) ? url : null;
  } catch {
    return null;
  }
}

export const articleUrl = (id, revision = null) =>
  `/api/articles/${encodeURIComponent(id)}${revision ? `?revision=${encodeURIComponent(revision)}` : ""}`;

/** The page of one article, with these characters of it marked. */
export const pageUrl = (id, revision, start = null, end = null) =>
  `/articles/${encodeURIComponent(id)}@${revision}${start === null ? "" : `?char=${start},${end}#quote`}`;

/** What a revision of an article changed in the one `since`. */
export const changesUrl = (id, revision, since) => `${pageUrl(id, revision)}?since=${since.slice(0, 12)}`;

/** The pieces of the answer's text, each with the citations that end where it ends. */
export function pieces(answer) {
  const points = Array.from(answer.text);
  const ends = [...new Set(answer.citations.map((one) => one.answer_end))].sort((a, b) => a - b);
  const parts = ends.map((end, n) => ({
    text: points.slice(n ? ends[n - 1] : 0, end).join(""),
    cited: answer.citations.filter((one) => one.answer_end === end),
  }));
  const rest = points.slice(ends.at(-1) ?? 0).join("");
  return rest ? [...parts, { text: rest, cited: [] }] : parts;
}

/** What a confidence is told as: the least of each, and how often such answers were right when it was measured. */
const SURENESS = [
  [0.7, "Likely right", "about 4 in 5 such answers were, or more", "In our tests nearly all such answers on plain news were right, and 4 in 5 of those to trick questions."],
  [0.4, "Perhaps right", "about 3 in 5 such answers were, or more", "In our tests 4 in 5 such answers on plain news were right, and 3 in 5 of those to trick questions. Read the quote."],
  [0, "Unsure", "half of such answers, or fewer, were right", "In our tests half of such answers on plain news were right, and 1 in 5 of those to trick questions. Read the quote."],
];

/** How sure an answer is, in words and with its share of right ones; `unsure` is one that is more often wrong than right,
 * `likely` one that is right far more often. */
export function sureness({ confidence }) {
  const [least, words, share, told] = SURENESS.find((one) => confidence >= one[0]) ?? SURENESS.at(-1);
  return { words, share, told, unsure: least === 0, likely: least === SURENESS[0][0] };
}

/** A short answer as it stands by itself: "Damp", but "iPhone". */
export const capital = (short) => (/^\p{Ll}+(?![\p{L}\p{N}])/u.test(short) ? short[0].toUpperCase() + short.slice(1) : short);

/** The subject that the conversation added to a whole question, in brackets at its end; null where it did otherwise. */
export function addedTo({ question, asked }) {
  const [, before, subject] = asked?.match(/^(.*) \(([^()]*)\)\?$/) ?? [];
  return before === question.replace(/[?.!\s]+$/, "") ? subject : null;
}
