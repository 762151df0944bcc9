// Putting articles in by file, drop or paste, each with a word on what became of it; and taking them out, after asking.
import { articleUrl, call, el } from "./dom.js";

const OUTCOMES = { added: "added", updated: "updated: a new revision", unchanged: "was there already", refused: "refused" };
const list = document.getElementById("list");
const add = document.getElementById("add");

const input = el("input", { type: "file", id: "files", multiple: true, accept: ".txt,.md,.markdown,.html,.htm,.json,.jsonl" });
const title = el("input", { id: "title", maxlength: "1000", dir: "auto", autocomplete: "off" });
const text = el("textarea", { id: "text", rows: "5", dir: "auto", required: true });
const paste = el(
  "form",
  {},
  el("label", { for: "title" }, "Title"), title,
  el("label", { for: "text" }, "Text"), text,
  el("button", {}, "Add this text"),
);
const zone = el(
  "div",
  { class: "zone" },
  el("label", { for: "files" }, "Choose files, or drop them here"), input,
  el("p", { class: "small" }, "Text, Markdown, HTML, JSON lines. Nothing leaves this service."),
);
const bar = el("progress", { hidden: true, "aria-label": "Articles being put in" });
const told = el("ul", { class: "plain outcomes", role: "status" });
add.append(
  el("details", { open: list.querySelector("li") === null }, el("summary", {}, "Add articles"), zone,
    el("details", {}, el("summary", {}, "Or paste a text"), paste)),
  bar, told,
);

function tell(name, outcome, reason = "") {
  const word = OUTCOMES[outcome] ?? outcome;
  told.append(el("li", { class: outcome }, el("strong", { dir: "auto" }, name), `: ${word}${reason ? ` (${reason})` : ""}`));
}

async function put(name, options) {
  try {
    const { results } = await (await call("/api/articles", { method: "POST", ...options })).json();
    for (const one of results) tell(results.length > 1 ? one.source : name, one.outcome, one.reason ?? "");
    return results.filter((one) => one.outcome !== "refused").length;
  } catch (error) {
    if (error.results?.length > 1) for (const one of error.results) tell(one.source, one.outcome, one.reason ?? "");
    else tell(name, "refused", error.message);
    return 0;
  }
}

async function putFiles(files) {
  told.replaceChildren();
  bar.hidden = false;
  bar.max = files.length;
  bar.value = 0;
  let taken = 0;
  for (const file of files) {
    const body = new FormData();
    body.append("file", file, file.name);
    taken += await put(file.name, { body });
    bar.value += 1;
  }
  bar.hidden = true;
  input.value = "";
  await done(taken);
}

async function done(taken) {
  if (!taken) return;
  told.append(el("li", {}, el("a", { href: "/" }, "Ask about them")));
  await refresh();
}

/** The list as the service has it now, under the same filters. */
async function refresh() {
  const page = new DOMParser().parseFromString(await (await call(location.href)).text(), "text/html");
  list.replaceChildren(...page.getElementById("list").childNodes);
  document.querySelector("main > .lead").textContent = page.querySelector("main > .lead").textContent;
  removable();
}

function removable() {
  for (const row of list.querySelectorAll("li[data-id]")) {
    const { id, title: name } = row.dataset;
    row.append(el("button", { class: "second remove", "aria-label": `Remove ${name}`, click: () => sure(id, name) }, "Remove"));
  }
}

function sure(id, name) {
  const why = el("p", { role: "alert" });
  const dialog = el(
    "dialog",
    { "aria-labelledby": "sure" },
    el("h2", { id: "sure", dir: "auto" }, `Remove “${name}”?`),
    el("p", {}, "All its revisions go, and links to its quotes stop working. This cannot be undone."),
    why,
    el("p", { class: "actions" },
      el("button", { class: "second", autofocus: true, click: () => dialog.close() }, "Keep it"),
      el("button", { class: "danger", click: async () => {
        try {
          await call(articleUrl(id), { method: "DELETE" });
          dialog.close();
          told.replaceChildren(el("li", {}, el("strong", { dir: "auto" }, name), ": removed"));
          await refresh();
        } catch (error) {
          why.textContent = error.message;
        }
      } }, "Remove it")),
  );
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

input.addEventListener("change", () => putFiles([...input.files]));
paste.addEventListener("submit", async (event) => {
  event.preventDefault();
  told.replaceChildren();
  const article = { text: text.value, ...(title.value.trim() ? { title: title.value.trim() } : {}) };
  const taken = await put(title.value.trim() || "Your text", { headers: { "content-type": "application/json" }, body: JSON.stringify(article) });
  if (taken) paste.reset();
  await done(taken);
});
for (const name of ["dragenter", "dragover"]) {
  document.addEventListener(name, (event) => { event.preventDefault(); zone.classList.add("over"); });
}
for (const name of ["dragleave", "drop"]) {
  document.addEventListener(name, (event) => { event.preventDefault(); zone.classList.remove("over"); });
}
document.addEventListener("drop", (event) => { if (event.dataTransfer?.files.length) putFiles([...event.dataTransfer.files]); });
removable();
