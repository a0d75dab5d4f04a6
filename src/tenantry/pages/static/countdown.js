// What is left of a wait, second by second. Without a script the page says how long it is.
for (const place of document.querySelectorAll("[data-wait]")) {
  const end = Date.now() + Number(place.dataset.wait) * 1000;
  const two = (number) => String(number).padStart(2, "0");
  const timer = setInterval(() => {
    const left = Math.max(0, Math.ceil((end - Date.now()) / 1000));
    const [hours, minutes, seconds] = [left / 3600, (left / 60) % 60, left % 60].map(Math.floor);
    place.textContent = hours
      ? `${hours}:${two(minutes)}:${two(seconds)}`
      : `${minutes}:${two(seconds)}`;
    if (left > 0) return;
    clearInterval(timer);
    place.parentElement.textContent = place.dataset.over;
  }, 250);
}
