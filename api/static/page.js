// Asking as a conversation: answers as they come, each mark with its quote, and the article beside them.
import { articleUrl, call, changesUrl, el, events, Trouble } from "./dom.js";
import { drawAnswer, drawDeclined, nearest, streamed } from "./answer.js";
import { anew, earlier, keep, keepEarlier, kept } from "./kept.js";
import { closeArticle } from "./source.js";
import { opened } from "./share.js";

const HISTORY = { turns: 20, chars: 18000 };

const form = document.getElementById("ask");
const field = document.getElementById("q");
const main = document.getElementById("main");
const start = document.getElementById("start");
const log = el("section", { id: "log", "aria-live": "polite", "aria-label": "Conversation" });
const banner = el("p", { id: "banner", class: "note", role: "status", hidden: true });
const empty = start?.classList.contains("empty") ?? false;
const examples = Array.from(start?.querySelectorAll(".proposal") ?? [], (one) => one.textContent);
const turns = [];
let under = null; // the request that is answered now

main.prepend(banner, log);
document.documentElement.classList.add("scripted");

function talking() {
  document.getElementById("given")?.remove();
  start?.replaceWith(el("h1", { class: "hidden" }, "Conversation"));
  log.after(form);
  if (!document.body.classList.contains("talking")) document.querySelector("nav").prepend(el("button", { class: "second", "aria-label": "New conversation", click: anew }, "New", el("span", { class: "wide" }, " conversation")));
  document.body.classList.add("talking");
}

/** Ways back on the start page to the conversations before the one that is to begin, each by its first question. */
function offerEarlier() {
  const talks = earlier();
  if (!start || !talks.length) return;
  const back = (n) => {
    const [talk] = talks.splice(n, 1);
    keepEarlier(talks);
    keep(talk);
    location.assign("/");
  };
  const ways = talks.map((talk, n) => el("li", {}, el("button", { class: "second", dir: "auto", click: () => back(n) }, talk[0].question, el("span", { class: "small" }, ` · ${talk.length === 1 ? "1 question" : `${talk.length} questions`}`))));
  const section = el("section", { class: "earlier" }, el("h2", {}, "Go on with a conversation"), el("ul", { class: "chips" }, ...ways));
  const latest = start.querySelector("h2");
  if (latest) latest.before(section);
  else start.append(section);
}

function history(before = turns) {
  const told = before.flatMap(({ question, text }) => [
    { role: "user", content: question },
    { role: "assistant", content: text },
  ]);
  const recent = told.slice(-HISTORY.turns);
  while (recent.reduce((sum, turn) => sum + turn.content.length, 0) > HISTORY.chars) recent.splice(0, 2);
  return recent;
}

function turnOf(question) {
  talking();
  const body = el("div", { class: "body" });
  const turn = el("article", { class: "turn" }, el("h2", { class: "question", dir: "auto" }, question), body);
  log.append(turn);
  return { turn, body };
}

function show(body, answer) {
  body.replaceChildren(answer.citations.length ? drawAnswer(answer) : drawDeclined(answer, ask, empty, examples));
  turns.push(answer);
  const instead = () => {
    turns.splice(turns.indexOf(answer), 1);
    body.parentElement.remove();
    ask(answer.question, []);
  };
  body.querySelector(".asked")?.append(" ", el("button", { class: "second", click: instead }, "Ask just what I wrote"));
  if (!byLink()) keep(turns.slice(-HISTORY.turns)); // a link: this tab's conversation is kept until one asks
}

/** Whether the page was opened at a question or an answer, not at the start. */
const byLink = () => location.pathname + location.search + location.hash !== "/" && !fromHere;

/** Whether the question was typed on another page of this service: then it goes on with this tab's conversation. */
const fromHere = asking() !== null && asking() === new URLSearchParams(location.search).get("q");

function asking() {
  try {
    return sessionStorage.getItem("quotewell.asking");
  } catch {
    return null;
  }
}

/** The conversation of this tab before it was reloaded; an answer says so where articles no longer have what it quotes. */
function showKept() {
  const articles = new Map();
  for (const answer of kept()) {
    const { body } = turnOf(answer.question);
    show(body, answer);
    const before = turns.slice(0, -1);
    const shown = answer.citations.length ? answer.citations : nearest(answer);
    for (const { article_id: id } of shown) if (!articles.has(id)) articles.set(id, newest(id));
    tellChanges(body, shown, articles, () => ask(answer.question, history(before)));
  }
}

/** Says so over an answer where an article no longer has what is shown of it; `articles` are promises of them as they are
 * now, by id. */
async function tellChanges(body, shown, articles, again) {
  try {
    const known = await Promise.all(shown.map(async (one) => [one, await articles.get(one.article_id)]));
    const lost = known.filter(([one, now]) => !now?.text.includes(one.cited_text ?? one.text));
    const told = new Map(lost.map(([one, now]) => [one.article_id, since(one, now)]));
    if (told.size) body.prepend(el("p", { class: "note" }, ...[...told.values()].flat(), el("button", { class: "second", click: again }, "Ask again")));
  } catch {
    // the articles cannot be reached: what is shown is still what they said
  }
}

/** What became of an article that no longer has what is cited of it. */
function since({ article_id: id, revision, title }, now) {
  const name = el("bdi", {}, `“${title || "Untitled"}”`);
  if (!now) return [name, " was removed since. "];
  return [name, " no longer says what is quoted here: ", el("a", { href: changesUrl(id, now.revision, revision) }, "see what changed"), ". "];
}

/** An article as it is now; null where it is gone. */
async function newest(id) {
  try {
    return await (await call(articleUrl(id))).json();
  } catch (error) {
    if (error.status === 404) return null;
    throw error;
  }
}

/** Ready to type on, but where a keyboard would cover the screen, or the reader has gone elsewhere. */
function typeOn() {
  const elsewhere = document.activeElement !== document.body && document.activeElement !== field;
  if (!elsewhere && !matchMedia("(pointer: coarse)").matches) field.focus({ preventScroll: true });
}

/** `before` is what was said before, which the question may lean on. */
async function ask(question, before = history()) {
  under?.abort();
  if (byLink()) window.history.replaceState(null, "", "/");
  document.title = "Quotewell";
  under = new AbortController();
  const mine = under;
  const { turn, body } = turnOf(question);
  body.append(el("p", { class: "small waiting" }, "Reading the articles …"));
  turn.scrollIntoView({ block: "start" });
  try {
    const response = await call("/api/ask", {
      method: "POST",
      headers: { "content-type": "application/json", accept: "text/event-stream" },
      body: JSON.stringify({ question, history: before }),
      signal: mine.signal,
    });
    const live = streamed(body);
    let whole = null;
    for await (const { name, data } of events(response)) {
      if (name === "citation") live.cite(data);
      else if (name === "delta") live.add(data.text);
      else if (name === "error") throw new Trouble(data.detail ?? data.title, { retry: true });
      else if (name === "answer") whole = data;
    }
    if (!whole) throw new Trouble("The answer broke off before it was whole.", { retry: true });
    show(body, { ...whole, question });
    turn.scrollIntoView({ block: "start" });
    typeOn();
  } catch (error) {
    if (error.name === "AbortError") return body.replaceChildren(el("p", { class: "small" }, "Stopped."));
    const words = error instanceof Trouble ? error.message : "The answer broke off. The service may have stopped.";
    const retry = el("button", { class: "second", click: () => { turn.remove(); ask(question); } }, "Try again");
    const trouble = !(error instanceof Trouble) || error.retry;
    body.replaceChildren(el("p", { class: "note", role: "alert" }, words), trouble ? retry : null ?? "");
    if (trouble) ready();
  } finally {
    if (under === mine) under = null;
  }
  return null;
}

/** Says so while the service is starting or gone, and looks again until it is there. */
async function ready() {
  try {
    const response = await fetch("/readyz");
    const { reasons = [] } = await response.json();
    banner.hidden = response.ok;
    banner.textContent = response.ok ? "" : `The service is not ready yet: ${reasons.join("; ") || "it is starting"}.`;
  } catch {
    banner.hidden = false;
    banner.textContent = "The service cannot be reached. Nothing is lost: this page looks again every few seconds.";
  }
  if (!banner.hidden) setTimeout(ready, 2000);
}

/** The answer of a link, by itself: this tab's conversation is kept. */
async function openLink() {
  log.replaceChildren();
  turns.length = 0;
  const { turn, body } = turnOf("A shared answer");
  scrollTo(0, 0);
  const heading = body.previousSibling;
  let question = null;
  const heard = (asked) => {
    question = asked;
    heading.textContent = asked;
    document.title = `${asked} · Quotewell`;
  };
  try {
    const { answer, proved } = await opened(location.hash, heard);
    show(body, answer);
    body.prepend(el("p", { class: "small" }, "A shared answer. Each quote was checked just now: it stands in the article as it was then."));
    const articles = new Map(answer.citations.map(({ article_id: id }) => [id, newest(id)]));
    tellChanges(body, answer.citations, articles, () => ask(answer.question, []));
    if (!proved) {
      const words = "This link's words could not be proved, so only what the articles say is shown.";
      body.firstChild.replaceWith(el("p", { class: "note", role: "alert" }, words));
    }
  } catch (error) {
    const anew = el("button", { class: "second", click: () => { turn.remove(); ask(question); } }, "Ask it again");
    body.replaceChildren(el("p", { class: "note", role: "alert" }, error.message), question ? anew : "");
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const question = field.value.trim();
  if (!question) return;
  field.value = "";
  ask(question);
});

document.querySelector(".brand").addEventListener("click", (event) => {
  if (!turns.length || byLink() || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault(); // to the start, with this conversation among the earlier ones
  anew();
});

start?.addEventListener("click", (event) => {
  if (!event.target.matches(".proposal") || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  ask(event.target.textContent);
});

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    field.focus();
  } else if (event.key === "Escape") {
    if (under) under.abort();
    else closeArticle();
  }
});

window.addEventListener("hashchange", () => { if (location.hash.startsWith("#answer=")) openLink(); });
window.addEventListener("offline", ready);
window.addEventListener("online", ready);

const given = document.getElementById("given");
if (location.hash.startsWith("#answer=")) openLink();
else if (given) {
  if (fromHere) showKept();
  const answer = JSON.parse(given.textContent);
  const { turn, body } = turnOf(answer.question);
  show(body, answer);
  field.value = "";
  if (fromHere) {
    sessionStorage.removeItem("quotewell.asking");
    window.history.replaceState(null, "", "/");
    turn.scrollIntoView({ block: "start" });
  }
} else {
  showKept();
  if (!turns.length) offerEarlier();
  log.lastChild?.scrollIntoView({ block: "start" });
  typeOn();
}
ready();
