// The quote behind a mark, shown while the mark is pointed at or has the focus.
import { day, el } from "./dom.js";

const shown = el("div", { id: "card", role: "tooltip", hidden: true });
document.getElementById("main").append(shown);
let mine = null;

export function card(mark, citation) {
  const show = () => {
    mine = mark;
    const place = [citation.title || "Untitled", citation.publisher, day(citation.published_at)].filter(Boolean);
    shown.replaceChildren(
      el("p", { dir: "auto" }, `“${citation.cited_text}”`),
      el("p", { class: "small", dir: "auto" }, place.join(" · ")),
    );
    shown.hidden = false;
    mark.setAttribute("aria-describedby", "card");
    const at = mark.getBoundingClientRect();
    const size = shown.getBoundingClientRect();
    const left = Math.max(8, Math.min(at.left - 16, innerWidth - size.width - 8));
    const above = at.top - size.height - 8;
    shown.style.left = `${left}px`;
    shown.style.top = `${above > 8 ? above : at.bottom + 8}px`;
  };
  const hide = () => {
    if (mine !== mark) return;
    shown.hidden = true;
    mark.removeAttribute("aria-describedby");
  };
  mark.addEventListener("pointerenter", show);
  mark.addEventListener("focus", show);
  mark.addEventListener("pointerleave", hide);
  mark.addEventListener("blur", hide);
  mark.addEventListener("click", hide);
}

document.addEventListener("keydown", (event) => { if (event.key === "Escape") shown.hidden = true; });
addEventListener("scroll", () => { shown.hidden = true; }, { passive: true, capture: true });
