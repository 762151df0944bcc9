// One answer: its words with their marks, the quotes, what was merely consulted, and ways to take it along.
import { addedTo, capital, day, el, pageUrl, pieces, sureness, webAddress } from "./dom.js";
import { card } from "./card.js";
import { openArticle } from "./source.js";
import { asMarkdown, asText, linkOf } from "./share.js";

const COMMON = new Set("what when where which whose whom were does have with from that this there they their about into much many long would could should will been".split(" "));
const SHOWN = 500; // characters of a passage: the article has the rest

const NOTES = {
  partial: "The articles answer only a part of this.",
  conflicting: "The articles differ. Each side stands with the date of its article: the later one may know more.",
};

/** Words that mean a day only beside the date of their article. */
const RELATIVE = /\b(?:(?:mon|tues|wednes|thurs|fri|satur|sun)day|today|yesterday|tomorrow|tonight|(?:last|this|next) (?:week|month|year|spring|summer|autumn|winter)|ago)\b/i;

/** A mark: it shows its quote when it is pointed at, and opens the article when it is followed. */
function mark(citation) {
  const { article_id: id, revision, start_char_index: start, end_char_index: end } = citation;
  const made = el(
    "a",
    { class: "cite", href: pageUrl(id, revision, start, end), "aria-label": `Quote ${citation.number}, ${citation.title || "untitled"}` },
    String(citation.number),
  );
  card(made, citation);
  made.addEventListener("click", (event) => follow(event, citation, made));
  return made;
}

function follow(event, place, from) {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  openArticle(place, from);
}

/** A piece of an answer with its marks, which stay on the line of its last word. */
function marked({ text, cited }) {
  if (!cited.length) return [text];
  const last = text.match(/(?<=\s)\S{1,24}$/u)?.[0] ?? "";
  return [text.slice(0, text.length - last.length), el("span", { class: "last" }, last, el("sup", {}, ...cited.map(mark)))];
}

/** Shows an answer while it comes; what `drawAnswer` makes takes its place. */
export function streamed(body) {
  const text = el("p", { class: "answer", dir: "auto" });
  let cited = [];
  return {
    cite: (citation) => cited.push(citation),
    add(piece) {
      if (!text.isConnected) body.replaceChildren(text);
      text.append(...marked({ text: piece, cited }));
      cited = [];
    },
  };
}

export function drawAnswer(answer) {
  const parts = pieces(answer);
  const conflict = answer.status === "conflicting";
  const alone = !answer.short || answer.short === answer.text || conflict;
  const verbatim = answer.citations.every((one) => answer.text.includes(one.cited_text));
  const boxed = !verbatim || !alone;
  const inQuotes = verbatim && boxed; // what is quoted is read once: in the quotes under a short answer, or else above them
  const text = conflict
    ? el("div", { class: "sides" }, ...parts.map(side))
    : el("p", { class: alone ? "answer" : "answer around", dir: "auto" }, ...parts.flatMap(marked));
  const short = marked({ text: capital(answer.short ?? ""), cited: inQuotes ? answer.citations : [] });
  const note = NOTES[answer.status];
  const { unsure, likely } = sureness(answer);
  const size = unsure ? "short unsure" : likely ? "short" : "short perhaps";
  return el(
    "div",
    {},
    note ? el("p", { class: "note" }, note) : null,
    readAs(answer),
    unsure && !conflict ? warning(answer) : null,
    alone ? null : el("p", { class: size, dir: "auto" }, ...short, dated(answer)),
    inQuotes ? null : text,
    unsure || conflict ? null : meta(answer),
    ...(conflict && verbatim ? [] : [
      el("h3", {}, boxed ? "Quoted" : "Quoted from"),
      el("ol", { class: "quotes" }, ...answer.citations.map((one) => quoted(one, boxed))),
    ]),
    actions(answer),
    consulted(answer),
  );
}

function side(part) {
  const text = el("p", { class: "answer", dir: "auto" }, ...marked({ ...part, text: part.text.trim() }));
  const where = part.cited.map((one) => quoted(one, false, "an article without a date"));
  return el("div", { class: "side" }, text, el("ol", { class: "quotes" }, ...where));
}

/** What the conversation added to the question, where it did. */
function readAs(answer) {
  const { question, asked } = answer;
  if (!asked || asked === question) return null;
  const subject = addedTo(answer);
  return el("p", { class: "small asked", dir: "auto" }, ...(subject ? ["Still about ", el("bdi", {}, subject), "."] : [`Understood as: ${asked}`]));
}

/** The date of the article beside words such as "Saturday morning". */
function dated({ short, citations }) {
  const date = citations.find((one) => one.cited_text.includes(short))?.published_at;
  return date && RELATIVE.test(short) ? el("span", { class: "small" }, ` as told on ${day(date)}`) : null;
}

const worded = ({ model }) => (model ? ` · worded by ${model}` : "");

/** How sure the answer is, with what that rests on folded away. */
function meta(answer) {
  const { words, share, told } = sureness(answer);
  return el("details", { class: "small sure" }, el("summary", {}, `${words}, as ${share}`, worded(answer)), el("p", {}, told));
}

/** The same of an answer that is more often wrong than right: said before it. */
function warning(answer) {
  const { words, told } = sureness(answer);
  return el("p", { class: "note sure" }, el("strong", {}, words, worded(answer)), `. ${told}`);
}

function place({ article_id: id, revision, start_char_index: start, end_char_index: end, title, published_at: date, url }, whole, undated = null) {
  const link = el("a", { href: pageUrl(id, revision, start, end), dir: "auto" }, title || "Untitled");
  link.addEventListener("click", (event) => follow(event, whole, link));
  const source = webAddress(url);
  return el(
    "p",
    { class: "small" },
    link,
    date || undated ? el("span", { class: "date" }, ` · ${date ? day(date) : undated}`) : null,
    source ? " · " : null,
    source ? el("a", { href: source, rel: "noopener noreferrer" }, "source") : null,
  );
}

/** Where a quote stands, under the quote itself where that is not read elsewhere. */
function quoted(citation, itself, undated = null) {
  const before = citation.start_char_index > Array.from(citation.prefix).length ? `… ${citation.prefix.replace(/^\S*\s/, "")}` : citation.prefix;
  const after = citation.suffix ? `${citation.suffix.replace(/\s\S*$/, "")} …` : "";
  const context = el(
    "p",
    {},
    el("span", { class: "around" }, before),
    el("mark", {}, citation.cited_text),
    el("span", { class: "around" }, after),
  );
  const copies = (citation.copies ?? []).map((copy) => copy.title || copy.article_id);
  return el(
    "li",
    { value: citation.number },
    itself ? el("blockquote", { dir: "auto" }, context) : null,
    place(citation, citation, undated),
    copies.length ? el("p", { class: "small" }, `The same words stand in: ${copies.join("; ")}`) : null,
  );
}

/** Passages that were found but are not quoted. */
function consulted(answer) {
  const inside = (passage, one) =>
    one.article_id === passage.article_id && one.start_char_index < passage.end_char_index && passage.start_char_index < one.end_char_index;
  const rest = near(answer).filter((passage) => !answer.citations.some((one) => inside(passage, one)));
  if (!rest.length) return null;
  return el("details", { class: "small consulted" }, el("summary", {}, "Also read, not quoted"), el("ul", { class: "quotes" }, ...rest.map((one) => passageOf(one, meant(answer)))));
}

/** A passage as it is shown: a long one from the sentence on that has most words of the question. */
function passageOf(passage, question) {
  const whole = passage.text.replace(/^#{1,6} /gm, ""); // headings of Markdown
  const at = whole.length > SHOWN ? likeliest(question, whole) : 0;
  const points = Array.from(whole.slice(at));
  const text = points.length > SHOWN ? `${points.slice(0, SHOWN).join("").replace(/\s+\S*$/, "")} …` : points.join("");
  return el("li", {}, el("blockquote", { dir: "auto" }, el("p", {}, at ? `… ${text}` : text)), place(passage, passage));
}

/** Where in a text the sentence starts that has most words of a question, the first of them. */
function likeliest(question, text) {
  const starts = [0, ...Array.from(text.matchAll(/[.!?\n]\s+(?=\S)/g), (end) => end.index + end[0].length)];
  const counts = starts.map((at, n) => wordsOf(question).filter((word) => has(text.slice(at, starts[n + 1]), word)).length);
  return starts[counts.indexOf(Math.max(...counts))];
}

const UNSPACED = /[\u3040-\u9fff\uac00-\ud7af]/; // writing without spaces between words
const NAME = /(?<=\S\s)\p{Lu}[\p{L}\p{N}]+(?:\s\p{Lu}[\p{L}\p{N}]+)*/gu;

/** What the forms of a word begin with. */
const stem = (word) => word.toLowerCase().slice(0, 5);

/** Whether a text has a word, perhaps in another form. */
const has = (text, word) => text.toLowerCase().includes(stem(word));

/** The words of a question that mean something. */
const wordsOf = (question) =>
  (question.match(/[\p{L}\p{N}]{4,}/gu) ?? []).filter((word) => /\p{L}/u.test(word) && !COMMON.has(word.toLowerCase()));

/** How many of them a text has; of a question that has none, or is written without spaces, 1. */
function shared(question, text) {
  const meant = wordsOf(question);
  return meant.length && !UNSPACED.test(question) ? meant.filter((word) => has(text, word)).length : 1;
}

/** A name in the question that none of the texts has. */
function unheard(question, texts) {
  const lacking = (word) => !COMMON.has(word.toLowerCase()) && !texts.some((text) => has(text, word));
  return question.match(NAME)?.find((name) => name.split(/\s/).some(lacking));
}

/** What may help where nothing was answered. */
function advice(question, texts) {
  const name = unheard(question, texts);
  if (texts.length && name) return `They do not seem to say anything about ${name}.`;
  if (!UNSPACED.test(question) && question.trim().split(/\s+/).length < 3) return "A whole question may find more.";
  return "No sentence is likely enough to be the answer. Other words may find more.";
}

/** The question as it was understood, without a subject that was added. */
const meant = (answer) => (answer.asked ?? answer.question).replace(/ \([^()]*\)(?=\?$)/, "");

const textOf = ({ title, text }) => `${title} ${text}`;

/** The passages that have words of the question, and at least half as many as the one that has most. */
function near(answer) {
  const words = answer.passages.map((one) => shared(meant(answer), textOf(one)));
  const least = Math.max(1, Math.max(...words) / 2);
  return answer.passages.filter((_, n) => words[n] >= least);
}

/** Those that are shown where nothing is answered. */
export const nearest = (answer) => near(answer).slice(0, 3);

export function drawDeclined(answer, ask, empty = false, examples = []) {
  if (empty) {
    const put = el("a", { href: "/articles" }, "Put some in");
    return el("div", {}, el("p", { class: "answer" }, "There are no articles yet."), el("p", { class: "lead" }, put, ", then ask again."));
  }
  const question = meant(answer);
  const shown = nearest(answer);
  if (answer.passages.length && !shown.length) {
    return el(
      "div",
      {},
      readAs(answer),
      el("p", { class: "answer" }, "The articles do not seem to say anything about this."),
      el("p", { class: "lead" }, "See ", el("a", { href: "/articles" }, "which articles there are"), examples.length ? ". What they do answer:" : "."),
      chips(examples, ask),
    );
  }
  const alike = (answer.instead ?? []).filter((one) => shared(question, one));
  return el(
    "div",
    {},
    readAs(answer),
    el("p", { class: "answer", dir: "auto" }, answer.text),
    el("p", { class: "lead", dir: "auto" }, advice(question, answer.passages.map(textOf))),
    alike.length ? el("p", { class: "lead" }, "What they do answer:") : null,
    chips(alike, ask),
    shown.length ? el("p", { class: "lead" }, "The nearest passages:") : null,
    shown.length ? el("ul", { class: "quotes" }, ...shown.map((one) => passageOf(one, question))) : null,
    shown.length ? actions(answer) : null,
  );
}

/** Questions to ask at a click; null where there are none. */
function chips(questions, ask) {
  const rows = questions.map((one) => el("li", {}, el("button", { class: "proposal", dir: "auto", click: () => ask(one) }, one)));
  return rows.length ? el("ul", { class: "chips" }, ...rows) : null;
}

function actions(answer) {
  const said = el("span", { class: "small", role: "status" });
  const copier = (name, make) =>
    el("button", {
      class: "second",
      click: async () => {
        try {
          await navigator.clipboard.writeText(make());
          said.textContent = `${name.replace("Copy", "Copied the")}.`;
        } catch {
          said.textContent = "The browser did not allow it: ";
          said.append(el("textarea", { readonly: true, rows: 3, "aria-label": name }, make()));
        }
      },
    }, name);
  return el(
    "p",
    { class: "actions" },
    copier("Copy link", () => linkOf(answer)),
    copier("Copy text", () => asText(answer)),
    el("details", { class: "more" }, el("summary", {}, "Copy as …"),
      copier("Copy Markdown", () => asMarkdown(answer)),
      copier("Copy JSON", () => JSON.stringify(answer, null, 2))),
    said,
  );
}
