// The question field, on every page that has one: Enter asks, Shift and Enter start a new line.
const field = document.getElementById("q");
field.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  field.form.requestSubmit();
});
field.form.addEventListener("submit", (event) => {
  if (event.defaultPrevented) return; // the conversation is on this page
  try {
    sessionStorage.setItem("quotewell.asking", field.value); // so that the next page goes on with this tab's conversation
  } catch { /* not allowed: then it begins a new one */ }
});
