// What makes workspace pages handier; all of them work without it.

// Buttons that copy a value beside them.
for (const button of document.querySelectorAll("button[data-copies]")) {
  if (!navigator.clipboard) break;
  const said = button.textContent;
  button.hidden = false;
  button.addEventListener("click", async () => {
    const value = document.getElementById(button.dataset.copies);
    try {
      await navigator.clipboard.writeText(value.textContent);
    } catch {
      // A page around this one has to allow it (clipboard-write): the reader copies what is marked.
      getSelection().selectAllChildren(value);
      return;
    }
    button.textContent = button.dataset.copied;
    setTimeout(() => { button.textContent = said; }, 2000);
  });
}

// A list that is filtered while one types.
for (const field of document.querySelectorAll("input[data-filters]")) {
  field.closest("[hidden]")?.removeAttribute("hidden");
  field.addEventListener("input", () => {
    const wanted = field.value.trim().toLowerCase();
    for (const entry of document.getElementById(field.dataset.filters).children) {
      entry.hidden = !entry.textContent.toLowerCase().includes(wanted);
    }
  });
}

// On a phone a row of a table is a list: each cell has the head of its column beside it.
for (const table of document.querySelectorAll(".scrolls > table")) {
  const heads = [...table.tHead.rows[0].cells].map((head) => head.textContent.trim());
  const { rows } = table.tBodies[0];
  for (const row of rows) {
    for (const cell of row.querySelectorAll(":scope > td:not(:empty)")) {
      if (heads[cell.cellIndex]) cell.dataset.head = heads[cell.cellIndex];
    }
  }
  // A list that is filled later has no such heads.
  if (rows.length) table.classList.add("stacked");
}

// What was opened in a new window changes this page: it is read anew when one is back.
for (const link of document.querySelectorAll("a[data-refreshes]")) {
  link.addEventListener("click", () => {
    addEventListener("focus", () => location.reload(), { once: true });
  });
}

// An empty frame shows once a button fills it.
const preview = document.querySelector("iframe.preview");
if (preview) preview.hidden = true;

// A second click does not send a form twice.
addEventListener("submit", (event) => {
  const button = event.submitter;
  if (preview && button?.formTarget === preview.name) preview.hidden = false;
  if (!button || event.defaultPrevented || "again" in button.dataset) return;
  if (button.getAttribute("aria-disabled")) event.preventDefault();
  else button.setAttribute("aria-disabled", "true");
});
addEventListener("pageshow", () => {
  for (const button of document.querySelectorAll("button[aria-disabled]")) {
    button.removeAttribute("aria-disabled");
  }
});

// Dialogs open over the page, but not in pages that applications embed: their window is the whole frame.
if (document.body.classList.contains("console")) {
  document.documentElement.classList.add("dialogs");
  for (const details of document.querySelectorAll("details.dialog")) {
    const dialog = details.querySelector("dialog");
    const show = () => {
      if (!details.open || dialog.open) return;
      dialog.showModal();
      const fields = "input:not([type=hidden]), select, textarea";
      const first = dialog.querySelector("[aria-invalid]") ?? dialog.querySelector(fields);
      (first ?? dialog.querySelector("form [data-closes], [data-closes]")).focus();
    };
    details.addEventListener("toggle", show);
    // `close` comes later than the dialog closes: somebody may have opened it again by then. Some
    // browsers fire `cancel` only once for a visit.
    let closed = false;
    const close = () => {
      details.open = false;
      closed = true;
    };
    dialog.addEventListener("cancel", close);
    dialog.addEventListener("close", () => {
      if (!closed) details.open = false;
      closed = false;
    });
    dialog.addEventListener("click", ({ target }) => {
      if (target !== dialog && !target.closest("[data-closes]")) return;
      close();
      dialog.close();
    });
    show();
  }
}

// Times as the reader writes them, where they are.
{
  const { lang } = document.documentElement;
  const place = navigator.languages.find((each) => each.split("-")[0] === lang) ?? lang;
  const written = new Intl.DateTimeFormat(place, { dateStyle: "medium", timeStyle: "short" });
  for (const time of document.querySelectorAll("time")) {
    time.textContent = written.format(new Date(time.dateTime));
  }
}

// The pages that are shown, in rows of tabs that are wider than the window.
for (const current of document.querySelectorAll(".tabs [aria-current]")) {
  const row = current.closest("ul");
  row.scrollLeft = current.offsetLeft - row.offsetLeft - (row.clientWidth - current.clientWidth) / 2;
}

// A message about what was done: screen readers announce what changes after the page has loaded. It
// shows once: the address forgets it.
for (const message of document.querySelectorAll(".note.done")) {
  const [text, dismiss] = [message.querySelector("span"), message.querySelector("a")];
  const said = [...text.childNodes];
  text.replaceChildren();
  setTimeout(() => text.replaceChildren(...said), 100);
  dismiss.addEventListener("click", (event) => {
    event.preventDefault();
    message.remove();
  });
  const here = new URL(location);
  here.searchParams.delete("done");
  here.searchParams.delete("done_to");
  here.searchParams.delete("undo");
  history.replaceState(history.state, "", here);
}
