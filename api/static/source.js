// The article beside the answer, with exactly the quoted characters marked and scrolled to.
import { articleUrl, call, changesUrl, day, el, pageUrl, unitOf, webAddress } from "./dom.js";

const panel = el("aside", { id: "source", "aria-label": "The article", hidden: true });
document.body.append(panel);
let from = null;
let wanted = 0;

/** Opens or shuts the panel beside the text, which is set anew then: what was followed stays at its height. */
function beside(open) {
  const height = () => from?.getBoundingClientRect().top ?? 0;
  const before = height();
  panel.hidden = !open;
  document.body.classList.toggle("reading", open);
  scrollBy(0, height() - before);
}

/** Back, where opening it went forward: on a phone the article looks like a page. */
export function closeArticle() {
  if (panel.hidden) return;
  hide();
  if (history.state?.article) history.back();
}

addEventListener("popstate", () => {
  hide();
  history.scrollRestoration = "auto";
});

function hide() {
  if (panel.hidden) return;
  beside(false);
  if (from) from.returned = true; // its quote was just read: no card over the answer
  from?.focus({ preventScroll: true });
  if (from) from.returned = false;
}

/** `place` is a citation or a passage: an article's revision, and code points of it. */
export async function openArticle(place, opener) {
  from = opener;
  const { article_id: id, revision, start_char_index: start, end_char_index: end } = place;
  const turn = (wanted += 1);
  const close = el("button", { class: "second close", title: "Back to the answer (Esc)", "aria-label": "Back to the answer", click: closeArticle }, "×");
  const head = el("h2", { tabindex: "-1", dir: "auto" }, place.title || "Untitled");
  panel.replaceChildren(el("div", { class: "top" }, head, close), el("p", { class: "small waiting" }, "Opening …"));
  if (panel.hidden) {
    history.scrollRestoration = "manual"; // closing it leads back to here, not to where this was scrolled to
    history.pushState({ article: true }, "");
    history.scrollRestoration = "auto";
  }
  beside(true);
  head.focus({ preventScroll: true });
  try {
    const [article, { revisions }] = await Promise.all(
      [articleUrl(id, revision), `/api/revisions/${encodeURIComponent(id)}`].map(async (url) => (await call(url)).json()),
    );
    if (turn === wanted) draw(article, revisions, head, close, start, end);
  } catch (error) {
    const told = error.status === 404 ? await gone(id) : error.message;
    if (turn === wanted) panel.replaceChildren(el("div", { class: "top" }, head, close), el("p", { class: "note", role: "alert" }, told));
  }
}

/** What is gone where a revision of an article is not there. */
async function gone(id) {
  try {
    await call(articleUrl(id));
    return "This revision of the article is no longer here.";
  } catch (error) {
    return error.status === 404 ? "This article was removed." : error.message;
  }
}

function draw(article, revisions, head, close, start, end) {
  const { id, revision, text, publisher, published_at: date, url } = article;
  const first = unitOf(text, start);
  const last = first + unitOf(text.slice(first), end - start);
  const mark = el("mark", { id: "quote" }, text.slice(first, last));
  const source = webAddress(url);
  const details = [publisher, day(date)].filter(Boolean).join(" · ");
  const newest = revisions[0].revision;
  const changed = el("a", { href: changesUrl(id, newest, revision) }, "see what changed");
  const links = el(
    "p",
    { class: "small" },
    el("a", { href: pageUrl(id, revision, start, end) }, "Open on its own page"),
    source ? " · " : null,
    source ? el("a", { href: source, rel: "noopener noreferrer" }, "source") : null,
  );
  panel.replaceChildren(
    el("div", { class: "top" }, head, close),
    details ? el("p", { class: "small", dir: "auto" }, details) : "",
    newest === revision ? "" : el("p", { class: "note" }, "The article has changed since; ", changed, "."),
    el("div", { class: "text", dir: "auto", lang: article.language }, text.slice(0, first), mark, text.slice(last)),
    links,
  );
  head.focus({ preventScroll: true });
  mark.scrollIntoView({ block: "center" });
}
