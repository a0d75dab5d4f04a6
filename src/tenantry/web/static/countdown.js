// What is left of a wait, second by second: the buttons of the form that came too often are off, and
// count down. Without a script the page says how long it is, and the form is answered by it again.
const clock = (left) => {
  const two = (number) => String(number).padStart(2, "0");
  const [hours, minutes, seconds] = [left / 3600, (left / 60) % 60, left % 60].map(Math.floor);
  return hours ? `${hours}:${two(minutes)}:${two(seconds)}` : `${minutes}:${two(seconds)}`;
};
const leadsTo = (button) =>
  button.getAttribute("formaction") ?? button.form?.getAttribute("action") ?? "";

for (const note of document.querySelectorAll("[data-wait]")) {
  const { wait, again, over } = note.dataset;
  const path = document.querySelector("[data-limited]")?.dataset.limited;
  const off = [...document.querySelectorAll("button:not([type=button])")]
    .filter((button) => path && leadsTo(button) === path)
    .map((button) => ({ button, said: [...button.childNodes] }));
  const end = Date.now() + Number(wait) * 1000;
  for (const { button } of off) button.disabled = true;
  note.hidden = off.length > 0;
  note.ariaLive = "off"; // nobody is to hear it every second
  const show = () => {
    const left = Math.max(0, Math.ceil((end - Date.now()) / 1000));
    const text = again.replace("{time}", clock(left));
    for (const { button } of off) button.textContent = text;
    if (left > 0 && !off.length) note.textContent = text;
    if (left > 0) return;
    clearInterval(timer);
    for (const { button, said } of off) {
      button.disabled = false;
      button.replaceChildren(...said);
    }
    note.ariaLive = "polite";
    note.textContent = over;
    note.hidden = false;
  };
  const timer = setInterval(show, 250);
  show();
}
