// The command palette: finds pages and objects, by the search that works without a script, too.
// Strict, so that functions of the block stay in it: pages load other scripts beside this one.
"use strict";

// The last of its elements: a page that is left while it loads has only some of them.
if (document.getElementById("palette-keys")) {
  const palette = document.getElementById("palette");
  const button = document.querySelector("[data-palette]");
  const query = document.getElementById("palette-query");
  const list = document.getElementById("palette-results");
  const state = document.getElementById("palette-state");
  let asked = null; // the query that is answered or under way
  let selected = -1;
  let timer = 0;
  let request = new AbortController();

  const options = () => [...list.querySelectorAll("[role=option]")];

  function select(number) {
    const all = options();
    selected = all.length ? (number + all.length) % all.length : -1;
    all.forEach((option, at) => option.setAttribute("aria-selected", String(at === selected)));
    const option = all[selected];
    if (option) {
      query.setAttribute("aria-activedescendant", option.id);
      option.scrollIntoView({ block: "nearest" });
    } else {
      query.removeAttribute("aria-activedescendant");
    }
  }

  function text(kind, content, className = "") {
    const made = document.createElement(kind);
    made.textContent = content;
    made.className = className;
    return made;
  }

  function show(kinds) {
    let number = 0;
    list.replaceChildren(...kinds.map((kind, at) => {
      const group = document.createElement("div");
      group.setAttribute("role", "group");
      group.setAttribute("aria-labelledby", `palette-kind-${at}`);
      const label = text("p", kind.name);
      label.id = `palette-kind-${at}`;
      label.setAttribute("role", "presentation");
      group.append(label, ...kind.results.map((result) => {
        const option = document.createElement("a");
        option.href = result.path;
        option.id = `palette-option-${number++}`;
        option.tabIndex = -1;
        option.setAttribute("role", "option");
        option.append(text("bdi", result.name), text("span", result.detail, "more"));
        return option;
      }));
      return group;
    }));
    query.setAttribute("aria-expanded", String(number > 0));
    state.textContent = number ? "" : palette.dataset.nothing;
    select(0);
  }

  async function search() {
    const wanted = query.value.trim();
    if (wanted === asked) return;
    asked = wanted;
    request.abort();
    request = new AbortController();
    try {
      const response = await fetch(`${palette.dataset.search}?${new URLSearchParams({ query: wanted })}`, {
        headers: { accept: "application/json" },
        signal: request.signal,
      });
      if (!response.ok) throw new Error(String(response.status));
      show(await response.json());
    } catch (problem) {
      if (problem.name === "AbortError") return;
      asked = null;
      show([]);
      state.textContent = palette.dataset.failed;
    }
  }

  function open() {
    if (palette.open) return;
    palette.showModal();
    query.select();
    search();
  }

  button.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    open();
  });
  if (/Mac|iP(hone|ad)/.test(navigator.platform)) button.querySelector("kbd").textContent = "⌘K";
  addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.altKey || event.key.toLowerCase() !== "k") return;
    if (document.querySelector("dialog[open]:not(#palette)")) return;
    event.preventDefault();
    open();
  });
  palette.addEventListener("click", ({ target }) => { if (target === palette) palette.close(); });
  query.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(search, 150);
  });
  query.addEventListener("keydown", async (event) => {
    const steps = { ArrowDown: selected + 1, ArrowUp: selected - 1 };
    if (event.key in steps) {
      event.preventDefault();
      select(steps[event.key]);
    } else if (event.key === "Enter") {
      event.preventDefault();
      clearTimeout(timer);
      await search(); // of what was typed last
      options()[selected]?.click();
    }
  });
}
