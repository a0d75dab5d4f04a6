// Events as they happen: each becomes a row of the table, the newest on top.
const MOST = 200;
const list = document.getElementById("live");
const state = document.getElementById("live-state");
const empty = document.getElementById("live-empty");
const table = document.getElementById("live-list");
const written = new Intl.DateTimeFormat(document.documentElement.lang, { timeStyle: "medium" });

function cell(kind, text) {
  const made = document.createElement(kind);
  made.textContent = text;
  return made;
}

// The table shows once it has a row.
empty.hidden = false;
table.hidden = true;

function show(event) {
  empty.hidden = true;
  table.hidden = false;
  const row = document.createElement("tr");
  const head = cell("th", "");
  head.scope = "row";
  const link = cell("a", event.type);
  link.href = event.path;
  const time = cell("span", written.format(new Date(event.time)));
  time.className = "more";
  head.append(link, time);
  const organization = cell("td", event.organization || "–");
  const actor = cell("td", event.actor);
  organization.title = event.organization_id;
  actor.title = event.actor_id;
  row.append(head, organization, actor);
  list.prepend(row);
  while (list.rows.length > MOST) list.lastElementChild.remove();
}

const source = new EventSource(list.dataset.stream);
source.addEventListener("open", () => { state.textContent = list.dataset.open; state.className = "pill good"; });
source.addEventListener("error", () => { state.textContent = list.dataset.closed; state.className = "pill waiting"; });
source.addEventListener("message", (message) => show(JSON.parse(message.data)));
addEventListener("pagehide", () => source.close());
