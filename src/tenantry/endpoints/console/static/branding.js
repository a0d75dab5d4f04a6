// The previews follow the form, a moment later; without this script, buttons ask for them.
const form = document.getElementById("branding");
const buttons = [...document.querySelectorAll("button[formtarget=preview]")];
let shown = buttons[0];
let waiting = 0;

function follow() {
  clearTimeout(waiting);
  waiting = setTimeout(() => form.requestSubmit(shown), 300);
}

function press() {
  for (const button of buttons) button.setAttribute("aria-pressed", String(button === shown));
}

for (const button of buttons) {
  button.addEventListener("click", () => { shown = button; press(); });
}
form.addEventListener("input", (event) => {
  if (event.target.type !== "file") follow();
});
press();
follow();
