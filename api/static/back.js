// From every other page back to the conversation that one came from.
import { el } from "./dom.js";
import { kept } from "./kept.js";

if (kept().length) {
  document.querySelector("nav").prepend(el("a", { href: "/", "aria-label": "Back to the conversation" }, "Back", el("span", { class: "wide" }, " to the conversation")));
}
