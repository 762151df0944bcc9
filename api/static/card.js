// The quote behind a mark, shown while the mark is pointed at or has the focus.
import { call, day, el } from "./dom.js";

const shown = el("div", { id: "card", role: "tooltip", hidden: true });
document.getElementById("main").append(shown);
let mine = null;
const publishers = new Map();

/** The publisher of a citation's revision; "" where it has none, or none can be learnt. */
async function publisherOf({ article_id: id, revision }) {
  const { revisions } = await (await call(`/api/revisions/${encodeURIComponent(id)}`)).json();
  return revisions.find((one) => one.revision === revision)?.publisher ?? "";
}

export function card(mark, citation) {
  const show = () => {
    mine = mark;
    const place = el("p", { class: "small", dir: "auto" });
    const tell = (publisher) => {
      place.textContent = [citation.title || "Untitled", publisher, day(citation.published_at)].filter(Boolean).join(" · ");
    };
    tell("");
    const key = `${citation.article_id}@${citation.revision}`;
    if (!publishers.has(key)) publishers.set(key, publisherOf(citation).catch(() => ""));
    publishers.get(key).then(tell);
    shown.replaceChildren(el("p", { dir: "auto" }, `“${citation.cited_text}”`), place);
    shown.hidden = false;
    mark.setAttribute("aria-describedby", "card");
    const at = mark.getBoundingClientRect();
    const size = shown.getBoundingClientRect();
    const left = Math.max(8, Math.min(at.left - 16, innerWidth - size.width - 8));
    const below = at.bottom + 4; // above it, it would hide the sentence that it belongs to
    shown.style.left = `${left}px`;
    shown.style.top = `${below + size.height < innerHeight - 8 ? below : Math.max(8, at.top - size.height - 8)}px`;
  };
  const hide = () => {
    if (mine !== mark) return;
    shown.hidden = true;
    mark.removeAttribute("aria-describedby");
  };
  mark.addEventListener("pointerenter", show);
  mark.addEventListener("focus", () => { if (!mark.returned) show(); });
  mark.addEventListener("pointerleave", hide);
  mark.addEventListener("blur", hide);
  mark.addEventListener("click", hide);
}

document.addEventListener("keydown", (event) => { if (event.key === "Escape") shown.hidden = true; });
addEventListener("scroll", () => { shown.hidden = true; }, { passive: true, capture: true });
