// Lists of the console: all of them work without it.

const announcer = document.createElement("p");
announcer.className = "unseen";
announcer.setAttribute("aria-live", "polite");
document.body.append(announcer);

// Logos that cannot be loaded: the initials are below them.
for (const logo of document.querySelectorAll(".avatar img")) {
  if (logo.complete && !logo.naturalWidth) logo.remove();
  else logo.addEventListener("error", () => logo.remove());
}

// Buttons that copy the ID of an object.
for (const button of document.querySelectorAll("button[data-copy]")) {
  if (!navigator.clipboard) break;
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
    } catch {
      return; // The browser does not allow it.
    }
    announcer.textContent = button.dataset.copied;
    button.classList.add("copied");
    setTimeout(() => {
      announcer.textContent = "";
      button.classList.remove("copied");
    }, 2000);
  });
}

// Fields of filters that suggest what matches the text in them.
for (const [number, field] of document.querySelectorAll("input[data-suggestions]").entries()) {
  const list = document.createElement("datalist");
  list.id = `suggestions-${number}`;
  field.after(list);
  field.setAttribute("list", list.id);
  let timer, latest;
  field.addEventListener("input", () => {
    clearTimeout(timer);
    const text = field.value.trim();
    if ([...list.options].some((option) => option.value === text)) return; // one was chosen
    if (text.length < 3) {
      list.replaceChildren();
      return;
    }
    timer = setTimeout(async () => {
      latest?.abort();
      latest = new AbortController();
      try {
        const query = new URLSearchParams({ query: text });
        const answer = await fetch(`${field.dataset.suggestions}?${query}`, { signal: latest.signal });
        if (!answer.ok) return;
        list.replaceChildren(...(await answer.json()).map(({ value, label }) => {
          const option = document.createElement("option");
          option.value = value;
          option.label = `${value} – ${label}`;
          return option;
        }));
      } catch {
        // Without suggestions the field works as before.
      }
    }, 200);
  });
}

// Selected rows: all of the page at once, and how many there are.
for (const all of document.querySelectorAll("input[data-selects]")) {
  const { form } = all;
  const boxes = [...form.elements].filter((box) => box.type === "checkbox" && box !== all);
  const number = form.querySelector("[data-selected]");
  const buttons = form.querySelectorAll("button[name=action]");
  const show = () => {
    const selected = boxes.filter((box) => box.checked).length;
    all.checked = selected === boxes.length;
    all.indeterminate = selected > 0 && !all.checked;
    number.textContent = number.dataset.selected.replace("{number}", selected);
    for (const button of buttons) button.disabled = !selected;
  };
  all.closest("label").hidden = false;
  all.addEventListener("change", () => {
    for (const box of boxes) box.checked = all.checked;
    show();
  });
  for (const box of boxes) box.addEventListener("change", show);
  show();
  addEventListener("pageshow", show); // the boxes of a page from the history are restored late
}

// Parts of a page that are reloaded while work is in progress. `data-live` is the interval in seconds.
function follow(part) {
  setTimeout(async () => {
    if (document.hidden) return follow(part);
    let next;
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" } });
      if (!answer.ok) return; // signed out, or deleted
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      next = page.getElementById(part.id);
    } catch {
      return follow(part); // no connection: try again after the interval
    }
    if (!next) return;
    const made = document.importNode(next, true);
    part.replaceWith(made);
    for (const time of made.querySelectorAll("time")) {
      time.textContent = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" }).format(new Date(time.dateTime));
    }
    if ("live" in made.dataset) follow(made);
  }, part.dataset.live * 1000);
}
for (const part of document.querySelectorAll("[data-live][id]")) follow(part);

// Buttons of slow forms change their text while the form is sent.
for (const button of document.querySelectorAll("button[data-busy]")) {
  const said = button.textContent;
  button.form.addEventListener("submit", ({ submitter }) => {
    if (submitter && submitter !== button) return;
    button.textContent = button.dataset.busy;
    announcer.textContent = button.dataset.busy;
  });
  addEventListener("pageshow", () => { button.textContent = said; });
}
