"use strict";
{
  const { failures } = JSON.parse(document.getElementById("data").textContent);
  const [words, what, type, count, list, more] =
    ["words", "what", "type", "count", "list", "more"].map((id) => document.getElementById(id));
  const PAGE = 25;
  let limit = PAGE;

  const el = (name, className, ...children) => {
    const made = document.createElement(name);
    if (className) made.className = className;
    made.append(...children);
    return made;
  };

  // Text with marks. Offsets count code points, as everywhere in Quotewell; JavaScript counts UTF-16 units.
  const marked = (passage, gold, cited) => {
    const points = Array.from(passage.text);
    const within = (spans, at) => spans.some((s) => s.article === passage.article && s.start <= at && at < s.end);
    const quote = el("blockquote", "");
    let run = "", kind = "";
    const flush = () => {
      if (run) quote.append(kind ? el("mark", kind, run) : run);
      run = "";
    };
    points.forEach((point, n) => {
      const at = passage.start + n;
      const isGold = within(gold, at), isCited = within(cited, at);
      const now = isGold && isCited ? "both" : isGold ? "gold" : isCited ? "cited" : "";
      if (now !== kind) { flush(); kind = now; }
      run += point;
    });
    flush();
    quote.append(el("cite", "", `${passage.article}, score ${passage.score}`));
    return quote;
  };

  const row = (term, ...said) => [el("dt", "", term), el("dd", "", ...said)];

  const card = (one) => {
    const sure = one.confidence === null ? "" : ` · confidence ${one.confidence.toFixed(2)}`;
    const meta = el("p", "meta", el("b", "", one.what), ` · ${one.type}${sure} · ${one.id}`);
    if (one.broken) meta.append(" · was right before");
    const facts = el("dl", "");
    if (one.answers.length) facts.append(...row("answer", one.answers.join(" | ")));
    for (const gold of one.gold)
      facts.append(...row("evidence", el("mark", "gold", gold.quote || "the whole article"), ` ${gold.article}`));
    if (!one.gold.length && !one.answers.length) facts.append(...row("evidence", "the articles do not answer it"));
    for (const cited of one.cited) facts.append(...row("cited", el("mark", "cited", cited.quote), ` ${cited.article}`));
    if (one.text && !one.cited.length) facts.append(...row("said", one.text));
    const shown = el("article", "failure", el("h3", "", one.question), meta, facts);
    if (one.passages.length) {
      const details = el("details", "", el("summary", "", "passages"));
      details.addEventListener("toggle", () => {
        if (details.children.length === 1)
          details.append(...one.passages.map((passage) => marked(passage, one.gold, one.cited)));
      });
      shown.append(details);
    }
    return shown;
  };

  const fits = (one) => {
    if (what.value === "was right before" ? !one.broken : what.value && one.what !== what.value) return false;
    if (type.value && one.type !== type.value) return false;
    const wanted = words.value.trim().toLowerCase();
    if (!wanted) return true;
    const texts = [one.question, one.id, one.text, ...one.answers, ...one.gold.map((g) => g.quote), ...one.cited.map((c) => c.quote)];
    return texts.some((text) => text.toLowerCase().includes(wanted));
  };

  const show = () => {
    const found = failures.filter(fits);
    list.replaceChildren(...found.slice(0, limit).map(card));
    count.textContent = failures.length
      ? `${found.length} of ${failures.length} failures${found.length > limit ? `, ${limit} shown` : ""}`
      : "None.";
    more.hidden = found.length <= limit;
  };

  const kinds = [...new Set(failures.map((one) => one.what))].sort();
  if (failures.some((one) => one.broken)) kinds.push("was right before");
  what.append(...kinds.map((kind) => { const o = el("option", "", kind); o.value = kind; return o; }));
  for (const control of [words, what, type]) control.addEventListener("input", () => { limit = PAGE; show(); });
  document.querySelector(".filters").addEventListener("submit", (event) => event.preventDefault());
  more.addEventListener("click", () => { limit += PAGE; show(); });
  show();
}
