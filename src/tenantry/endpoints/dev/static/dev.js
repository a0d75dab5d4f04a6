// Keeps the list of mail up to date, and leaves the focus and the scrolling where they are.
"use strict";

const SECONDS = 2;

async function refresh() {
  if (document.hidden) return;
  const answer = await fetch(location.pathname, { cache: "no-store" });
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  const [now, then] = [fresh, document].map((page) => page.querySelector("main"));
  if (now.innerHTML === then.innerHTML || String(getSelection())) return;
  const focused = document.activeElement?.id;
  then.innerHTML = now.innerHTML;
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
}

setInterval(() => refresh().catch(() => {}), SECONDS * 1000);
