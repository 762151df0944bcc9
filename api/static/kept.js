// The conversations of this tab, kept so that neither a reload nor another page loses them.
const NOW = "quotewell.conversation";
const EARLIER = "quotewell.earlier"; // those before it, the last first
const MOST = 8; // of them

export function kept(name = NOW) {
  try {
    return JSON.parse(sessionStorage.getItem(name)) ?? [];
  } catch {
    return [];
  }
}

export function keep(talk, name = NOW) {
  try {
    sessionStorage.setItem(name, JSON.stringify(talk));
    return true;
  } catch {
    return false; // it is full, or not allowed
  }
}

export const earlier = () => kept(EARLIER);

/** As many of the conversations as there is room for, the last first. */
export function keepEarlier(talks) {
  while (!keep(talks, EARLIER) && talks.length) talks.pop();
}

/** Begins a new conversation; the one before is an earlier one then. */
export function anew() {
  const talk = kept();
  keep([]);
  if (talk.length) keepEarlier([talk, ...earlier()].slice(0, MOST));
  location.assign("/");
}
