// Putting articles in by file, drop or paste, each with a word on what became of it; and taking them out, after asking.
import { articleUrl, call, changesUrl, day, el, pageUrl } from "./dom.js";
import { anew } from "./kept.js";

const ALONE = 4_000_000; // bytes; a larger file is no single article
const OUTCOMES = { added: "added", updated: "updated, as a new revision", unchanged: "was there already", refused: "refused" };
const list = document.getElementById("list");
const add = document.getElementById("add");

const input = el("input", { type: "file", id: "files", multiple: true, accept: ".txt,.md,.markdown,.html,.htm,.json,.jsonl" });
const title = el("input", { id: "title", maxlength: "1000", dir: "auto", autocomplete: "off" });
const date = el("input", { id: "date", type: "date" });
const publisher = el("input", { id: "publisher", maxlength: "200", dir: "auto" });
const text = el("textarea", { id: "text", rows: "5", dir: "auto", required: true });
const submit = el("button", {}, "Add this text");
const cancel = el("a", { hidden: true }, "Cancel");
const paste = el(
  "form",
  {},
  el("label", { for: "title" }, "Title (optional)"), title,
  el("label", { for: "date" }, "Published on (optional)"), date,
  el("label", { for: "publisher" }, "Publisher (optional)"), publisher,
  el("label", { for: "text" }, "Text"), text,
  el("p", { class: "actions" }, submit, cancel),
);
const CHOOSE = "Choose files, or drop them here";
const chooser = el("label", { for: "files" }, CHOOSE);
let revised = null; // the article that the form holds a new revision of
const zone = el(
  "div",
  { class: "zone" },
  chooser, input,
  el("p", { class: "small" }, "Text, Markdown, HTML, JSON lines. Nothing leaves this service."),
);
const bar = el("progress", { hidden: true, "aria-label": "Articles being put in" });
const told = el("ul", { class: "plain outcomes", role: "status" });
const pasting = el("details", {}, el("summary", {}, "Paste a text instead"), paste);
const opener = el("summary", { class: "button" }, "Add articles");
const adding = el("details", { open: document.querySelector(".filters").hidden }, opener, zone, pasting);
add.append(adding, bar, told);

function tell(name, outcome, reason = "", one = {}) {
  const word = OUTCOMES[outcome] ?? outcome;
  const taken = one.id && outcome !== "refused";
  const shown = taken ? el("a", { href: pageUrl(one.id, one.revision), dir: "auto" }, one.title || name) : el("strong", { dir: "auto" }, name);
  const from = taken && one.title && one.title !== name ? [" from ", el("bdi", {}, name)] : [];
  const line = el("li", { class: outcome }, shown, ...from, `: ${word}${reason ? ` (${reason})` : ""}`);
  told.append(line);
  if (outcome === "updated") changed(one).then((link) => line.append(" · ", link), () => null);
}

/** Leads to what an article's newest revision changed in the one before. */
async function changed({ id, revision }) {
  const { revisions } = await (await call(`/api/revisions/${encodeURIComponent(id)}`)).json();
  return el("a", { href: changesUrl(id, revision, revisions[1].revision) }, "what changed");
}

async function put(name, options) {
  try {
    const { results } = await (await call("/api/articles", { method: "POST", ...options })).json();
    for (const one of results) tell(results.length > 1 ? one.source : name, one.outcome, one.reason ?? "", one);
    return results.filter((one) => one.outcome !== "refused").length;
  } catch (error) {
    if (error.results?.length > 1) for (const one of error.results) tell(one.source, one.outcome, one.reason ?? "");
    else tell(name, "refused", error.message);
    return 0;
  }
}

/** A file as a new revision of the article that has its title, where that is meant; else as it is: how many articles were taken in. */
async function putFile(file) {
  const made = await readAlone(file);
  const same = made?.title ? await titled(made.title, made.id).catch(() => null) : null;
  const old = same && (await choose(`There is an article “${made.title}” already.`, same, [
    ["Make this its new revision", same],
    ["Keep both articles", null],
    ["Cancel", undefined],
  ]));
  if (old === undefined) {
    tell(file.name, "not added");
    return 0;
  }
  if (!old || !made) return put(file.name, sent(file));
  const article = revisedBy(await (await call(articleUrl(old.id))).json(), made);
  return put(file.name, { headers: { "content-type": "application/json" }, body: JSON.stringify(article) });
}

/** An article with what a file says of it: its title and text, and the rest where it says it. */
function revisedBy(old, { url, published_at, publisher, language, title: name, text: words, metadata }) {
  const given = Object.fromEntries(Object.entries({ url, published_at, publisher, language }).filter(([, value]) => value));
  return { ...keptOf(old), ...given, title: name, text: words, metadata };
}

/** Writes a file into the form of the article that is being changed, to be looked over and saved. */
async function fillFrom(file) {
  told.replaceChildren();
  input.value = "";
  const made = await readAlone(file);
  if (!made) return tell(file.name, "refused", "expected a file that holds one article with text; choose another, or paste the text");
  revised = revisedBy({ published_at: null, publisher: null, ...revised }, made);
  written();
  told.append(el("li", {}, el("strong", { dir: "auto" }, file.name), ": its text is in the form. Look it over, then save the change."));
  return submit.scrollIntoView({ block: "nearest" });
}

/** The form says what the article that is being changed says. */
function written() {
  [title.value, date.value, publisher.value, text.value] = [revised.title, day(revised.published_at), revised.publisher ?? "", revised.text];
}

/** What sends a file. */
function sent(file) {
  const body = new FormData();
  body.append("file", file, file.name);
  return { method: "POST", body };
}

/** The article that is all of a file, before it is put in; null where it holds several, or none, or is large. */
async function readAlone(file) {
  if (file.size > ALONE) return null;
  try {
    const { articles, refused } = await (await call("/api/articles/read", sent(file))).json();
    return articles.length === 1 && !refused.length ? articles[0] : null;
  } catch {
    return null; // putting it in will say why
  }
}

async function putFiles(files) {
  told.replaceChildren();
  bar.hidden = false;
  bar.max = files.length;
  bar.value = 0;
  let taken = 0;
  for (const file of files) {
    taken += await putFile(file);
    bar.value += 1;
  }
  bar.hidden = true;
  input.value = "";
  await done(taken);
}

async function done(taken) {
  if (!taken) return;
  const begin = (event) => { event.preventDefault(); anew(); };
  told.append(el("li", {}, el("a", { href: "/", click: begin }, "Ask a question now")));
  await refresh();
  told.scrollIntoView({ block: "nearest" });
}

/** The list as the service has it now, under the same filters. */
async function refresh() {
  const page = new DOMParser().parseFromString(await (await call(location.href)).text(), "text/html");
  list.replaceChildren(...page.getElementById("list").childNodes);
  document.querySelector("main > .lead").replaceChildren(...page.querySelector("main > .lead").childNodes);
  document.querySelector(".filters").hidden = page.querySelector(".filters").hidden;
  removable();
}

function removable() {
  for (const row of list.querySelectorAll("li[data-id]")) {
    const { id, title: name } = row.dataset;
    const named = { id, title: name, details: row.querySelector(".small").textContent };
    row.append(el("p", { class: "ways small" },
      el("a", { href: `/articles?revise=${encodeURIComponent(id)}`, "aria-label": `Change ${name || id}` }, "Change"),
      el("button", { class: "second remove", "aria-label": `Remove ${name || id}`, click: () => sure(named) }, "Remove")));
  }
}

/** Asks before an article is removed; ``kept`` is called where it is not. */
function sure({ id, title: name, details }, kept = () => null) {
  const why = el("p", { role: "alert" });
  let gone = false;
  const dialog = el(
    "dialog",
    { "aria-labelledby": "sure" },
    el("h2", { id: "sure", dir: "auto" }, `Remove “${name || "Untitled"}”?`),
    el("p", { class: "small", dir: "auto" }, [name ? "" : id, details].filter(Boolean).join(" · ")),
    el("p", {}, "All its revisions go, and links to its quotes stop working. This cannot be undone."),
    why,
    el("p", { class: "actions" },
      el("button", { class: "second", autofocus: true, click: () => dialog.close() }, "Keep it"),
      el("button", { class: "danger", click: async () => {
        try {
          await call(articleUrl(id), { method: "DELETE" });
          gone = true;
          dialog.close();
          told.replaceChildren(el("li", {}, el("strong", { dir: "auto" }, name || id), ": removed"));
          await refresh();
          told.scrollIntoView({ block: "center" });
        } catch (error) {
          why.textContent = error.message;
        }
      } }, "Remove it")),
  );
  dialog.addEventListener("close", () => { dialog.remove(); if (!gone) kept(); });
  document.body.append(dialog);
  dialog.showModal();
}

const detailsOf = ({ publisher, published_at: date }) => [publisher, day(date)].filter(Boolean).join(" · ");

/** Says why there is no such article to change or remove. */
function unfound(error) {
  told.append(el("li", { class: "refused" }, error.status === 404 ? "This article was removed already." : error.message));
}

/** What ``/articles?remove=ID`` opens with: the way here from an article, and back to it. */
async function remove(id) {
  history.replaceState(null, "", "/articles");
  try {
    const article = await (await call(articleUrl(id))).json();
    sure({ ...article, details: detailsOf(article) }, () => history.back());
  } catch (error) {
    unfound(error);
  }
}

const receive = (files) => (revised ? fillFrom(files[0]) : putFiles(files));
input.addEventListener("change", () => receive([...input.files]));
paste.addEventListener("submit", async (event) => {
  event.preventDefault();
  told.replaceChildren();
  const name = title.value.trim();
  let same = revised;
  try {
    if (!same && name) same = await namesake(name);
  } catch (error) {
    return tell(name, "refused", error.message);
  }
  if (same === undefined) return null;
  const when = same && date.value === day(same.published_at) ? same.published_at : date.value;
  const given = { title: name, published_at: when, publisher: publisher.value.trim() };
  const article = { ...(same ? keptOf(same) : {}), ...Object.fromEntries(Object.entries(given).filter(([, value]) => value)), text: text.value };
  const taken = await put(name || "Your text", { headers: { "content-type": "application/json" }, body: JSON.stringify(article) });
  if (taken) {
    emptied();
  }
  await done(taken);
  return null;
});

/** The form as it was before anything was written or revised in it. */
function emptied() {
  paste.reset();
  if (!revised) return;
  revised = null;
  history.replaceState(null, "", "/articles");
  document.querySelector("main").classList.remove("revising");
  document.querySelector("h1").textContent = "Articles";
  pasting.append(paste);
  adding.replaceChildren(opener, zone, pasting);
  submit.textContent = "Add this text";
  chooser.textContent = CHOOSE;
  input.multiple = true;
  cancel.hidden = true;
  text.rows = 5;
}

/** What a new revision keeps of an article where the form says nothing else. */
const keptOf = ({ id, url, language, metadata, published_at, publisher }) =>
  Object.fromEntries(Object.entries({ id, url, language, metadata, published_at, publisher }).filter(([, value]) => value !== null));

/** The article of that title, but for the one whose id is `but`; null where there is none. */
async function titled(name, but = null) {
  const { articles } = await (await call(`/api/articles?limit=100&words=${encodeURIComponent(name)}`)).json();
  return articles.find((one) => one.title === name && one.id !== but) ?? null;
}

const KEPT = "Earlier revisions stay readable for the answers that quote them.";

/** The article of the same title that the text is to be a new revision of; null for another article, undefined for neither. */
async function namesake(name) {
  const same = await titled(name);
  if (!same) return null;
  const answer = await choose(`There is an article “${name}” already.`, same, [
    ["Add as its new revision", same],
    ["Add as another article", null],
    ["Cancel", undefined],
  ]);
  return answer && (await call(articleUrl(answer.id))).json();
}

/** Which of the ways to go on beside an article that is there already; undefined for none. */
function choose(question, same, ways) {
  return new Promise((resolve) => {
    let chosen;
    const buttons = ways.map(([name, value], n) => el("button", { class: n ? "second" : null, click: () => { chosen = value; dialog.close(); } }, name));
    const dialog = el("dialog", { "aria-labelledby": "which" }, el("h2", { id: "which", dir: "auto" }, question), el("p", { class: "small", dir: "auto" }, detailsOf(same)), el("p", {}, KEPT), el("p", { class: "actions" }, ...buttons));
    dialog.addEventListener("close", () => { dialog.remove(); resolve(chosen); });
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** The form with an article's own words in it, to be changed: what ``/articles?revise=ID`` opens with. */
async function revise(id) {
  try {
    revised = await (await call(articleUrl(id))).json();
  } catch (error) {
    return unfound(error);
  }
  document.querySelector("main").classList.add("revising");
  document.querySelector("h1").textContent = `A new revision of “${revised.title || "Untitled"}”`;
  adding.open = true;
  adding.replaceChildren(opener, paste, el("details", {}, el("summary", {}, "Take its text from a file instead"), zone));
  submit.textContent = "Save the change";
  chooser.textContent = "Choose the file, or drop it here";
  input.multiple = false;
  cancel.hidden = false;
  cancel.href = pageUrl(id, revised.revision);
  written();
  text.rows = 12;
  text.focus({ preventScroll: true });
  text.setSelectionRange(0, 0);
  return null;
}
for (const name of ["dragenter", "dragover"]) {
  document.addEventListener(name, (event) => { event.preventDefault(); zone.classList.add("over"); });
}
for (const name of ["dragleave", "drop"]) {
  document.addEventListener(name, (event) => { event.preventDefault(); zone.classList.remove("over"); });
}
const wanted = new URLSearchParams(location.search).get("revise");
if (wanted) revise(wanted);
const unwanted = new URLSearchParams(location.search).get("remove");
if (unwanted) remove(unwanted);
document.addEventListener("drop", (event) => { if (event.dataTransfer?.files.length) receive([...event.dataTransfer.files]); });
removable();
