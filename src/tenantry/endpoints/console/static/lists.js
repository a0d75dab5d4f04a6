// Lists of the console: all of them work without it.

const announcer = document.createElement("p");
announcer.className = "unseen";
announcer.setAttribute("aria-live", "polite");
document.body.append(announcer);

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
