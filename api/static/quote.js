"use strict";
// A permalink ends in #char=start,end, which no server sees: ask for the page with these characters marked.
const cited = /^#char=(\d+),(\d+)$/.exec(location.hash);
if (cited) location.replace(`${location.pathname}?char=${cited[1]},${cited[2]}#quote`);
