// Six digits are a code: it is sent as soon as the last one is typed, or all are pasted.
for (const field of document.querySelectorAll("input.code")) {
  field.addEventListener("input", (event) => {
    const button = field.form.querySelector("button:not([type=button])");
    const whole = /^\d{6}$/.test(field.value.replace(/\s/g, ""));
    if (whole && !event.inputType?.startsWith("delete") && !button.disabled) {
      field.form.requestSubmit(button);
    }
  });
}
