// An answer to take along: as a link that is proved when it is opened, as text, as Markdown.
import { addedTo, articleUrl, call, capital, day, pieces, sureness, Trouble, unitOf } from "./dom.js";

const AROUND = 32;
const REVISION = 12; // of its 64 digits, as in every permalink

const WHOLE = 5; // words of a question that needs no subject added: the article beside its answer tells it

/** The question as it stands alone: whoever gets the answer has not seen the conversation. */
const alone = (answer) => {
  const { asked, question } = answer;
  return asked && !(addedTo(answer) && question.trim().split(/\s+/).length >= WHOLE) ? asked : question;
};

/** A link that holds of each citation only where it stands, the quote is read there anew; and the answer's words, where
 * they are not the quotes' own. */
export function linkOf(answer) {
  const told = {
    q: alone(answer), s: answer.short, u: answer.status, p: answer.confidence, m: answer.model ?? undefined,
    t: answer.text === quotesTogether(answer.citations) ? undefined : answer.text,
    c: answer.citations.map((one) => [
      one.article_id, one.revision.slice(0, REVISION), one.start_char_index, one.end_char_index, one.answer_start, one.answer_end,
    ]),
  };
  const bytes = new TextEncoder().encode(JSON.stringify(told));
  const base = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
  return `${location.origin}/#answer=${base.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "")}`;
}

/** The quotes in the order of the answer, once each where several stand for the same words. */
function quotesTogether(citations) {
  const places = new Map(citations.map((one) => [one.answer_start, one.cited_text]).reverse());
  return [...places].sort(([one], [other]) => one - other).map(([, quote]) => quote).join(" ");
}

function read(hash) {
  try {
    const base = hash.slice("#answer=".length).replaceAll("-", "+").replaceAll("_", "/");
    const told = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.from(atob(base), (c) => c.charCodeAt(0))));
    if (typeof told.q !== "string" || !["string", "undefined"].includes(typeof told.t) || !Array.isArray(told.c) || told.c.length > 100) throw new Error();
    return told;
  } catch {
    throw new Trouble("This link is damaged: ask the question again, or have the link sent again whole.");
  }
}

/** The answer of a link, its quotes read from the revisions that it names; `proved` once the service has checked it.
 * ``heard`` gets its question before anything is fetched. */
export async function opened(hash, heard) {
  const told = read(hash);
  heard(told.q);
  const texts = new Map();
  for (const [id, revision] of told.c) {
    const key = `${id}@${revision}`;
    if (!texts.has(key)) texts.set(key, fetched(id, revision));
  }
  const citations = await Promise.all(told.c.map(async (one, n) => citation(one, n + 1, await texts.get(`${one[0]}@${one[1]}`))));
  const text = told.t ?? quotesTogether(citations);
  let proved = !citations.length && told.u === "unanswerable";
  if (citations.length) {
    const body = JSON.stringify({ answer: text, citations });
    const checked = await (await call("/api/verify", { method: "POST", headers: { "content-type": "application/json" }, body })).json();
    proved = checked.verified === true;
  }
  const answer = {
    question: told.q, text, short: told.s ?? null, status: told.u, confidence: Number(told.p) || 0, model: told.m ?? null,
    citations, passages: [], timings_ms: {},
  };
  if (!citations.length) return { answer: { ...answer, text: "No sure answer was found in the articles." }, proved };
  if (!proved) return { answer: quotesAlone(answer), proved };
  if (answer.short && !citations.some((one) => one.cited_text.includes(answer.short))) answer.short = null;
  return { answer, proved };
}

async function fetched(id, revision) {
  try {
    return await (await call(articleUrl(id, revision))).json();
  } catch (error) {
    if (error.status !== 404) throw error;
    throw new Trouble("An article that this answer quotes, or that revision of it, is no longer here.");
  }
}

function citation([id, revision, start, end, answerStart, answerEnd], number, article) {
  const first = unitOf(article.text, start);
  const last = first + unitOf(article.text.slice(first), end - start);
  return {
    number, article_id: id, revision: article.revision, title: article.title, url: article.url, published_at: article.published_at,
    start_char_index: start, end_char_index: end, answer_start: answerStart, answer_end: answerEnd,
    cited_text: article.text.slice(first, last),
    prefix: article.text.slice(Math.max(0, first - AROUND), first), suffix: article.text.slice(last, last + AROUND),
  };
}

/** What the articles say at the places of a link whose words do not follow from them. */
function quotesAlone(answer) {
  let text = "";
  const citations = answer.citations.map((one) => {
    text += `${text ? " " : ""}${one.cited_text}`;
    const end = Array.from(text).length;
    return { ...one, answer_start: end - Array.from(one.cited_text).length, answer_end: end };
  });
  return { ...answer, text, short: null, status: "answered", citations, confidence: 0 };
}

/** The answer's words, each piece followed by the marks of its citations. */
const numbered = (parts, mark) => parts.map(({ text, cited }) => text + cited.map((one) => mark(one.number)).join(""));

const placeOf = (one) => [one.title || "Untitled", day(one.published_at)].filter(Boolean).join(", ");
const linkTo = (one) => `${location.origin}/articles/${encodeURIComponent(one.article_id)}@${one.revision.slice(0, REVISION)}#char=${one.start_char_index},${one.end_char_index}`;

const NOTES = {
  partial: "The articles answer only a part of this.",
  conflicting: "The articles differ:",
};

/** The answer's words; of a conflict each side on a line of its own, with the date of its article. */
function told(answer, mark, end) {
  const parts = pieces(answer);
  const words = numbered(parts, mark);
  const note = NOTES[answer.status];
  if (answer.status === "unanswerable") return words.join("");
  if (answer.status !== "conflicting") {
    const short = answer.short && answer.short !== answer.text ? `${capital(answer.short)} ` : "";
    return [note, `${short}(${sureness(answer).words.toLowerCase()})`, words.join("")].filter(Boolean).join(end);
  }
  return [note, ...words.map((one, n) => [day(parts[n].cited[0]?.published_at), one.trim()].filter(Boolean).join(": "))].join(end);
}

export function asText(answer) {
  const notes = answer.citations.map((one) => `[${one.number}] “${one.cited_text}” ${placeOf(one)}\n    ${linkTo(one)}`);
  return [alone(answer), "", told(answer, (n) => ` [${n}]`, "\n"), "", ...notes].join("\n");
}

/** Characters that Markdown would take for marks stand behind a backslash. */
const plain = (text) => text.replace(/[\\`*_[\]<>#|~]/g, "\\$&");

export function asMarkdown(answer) {
  const body = told(answer, (n) => `\u0000${n}\u0000`, "\n\n");
  const text = plain(body).replace(/\u0000(\d+)\u0000/g, "[^$1]");
  const notes = answer.citations.map((one) => `[^${one.number}]: “${plain(one.cited_text).replace(/\n+/g, " ")}” [${plain(placeOf(one))}](${linkTo(one)})`);
  return [`**${plain(alone(answer))}**`, "", text, "", ...notes].join("\n");
}
