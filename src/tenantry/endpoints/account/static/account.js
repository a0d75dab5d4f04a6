// Adding a passkey (Web Authentication level 3). What the browser answers goes into a form like all
// the rest; nothing else on these pages needs a script.
const bytes = (text) =>
  Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
const text = (buffer) =>
  btoa(Array.from(new Uint8Array(buffer), (b) => String.fromCharCode(b)).join(""))
    .replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

const form = document.getElementById("add");

const create = async () => {
  const answer = await fetch(`${form.action}/options`, {
    method: "POST",
    body: new URLSearchParams({ code: form.elements.code?.value ?? "" }),
  });
  const { options, problem } = await answer.json();
  if (problem) throw new Error(problem, { cause: "said" });
  const made = await navigator.credentials.create({
    publicKey: {
      ...options,
      challenge: bytes(options.challenge),
      user: { ...options.user, id: bytes(options.user.id) },
      excludeCredentials: options.excludeCredentials.map((each) => ({
        ...each,
        id: bytes(each.id),
      })),
    },
  });
  return {
    id: made.id,
    rawId: text(made.rawId),
    type: made.type,
    authenticatorAttachment: made.authenticatorAttachment ?? undefined,
    clientExtensionResults: made.getClientExtensionResults(),
    response: {
      clientDataJSON: text(made.response.clientDataJSON),
      attestationObject: text(made.response.attestationObject),
      transports: made.response.getTransports?.() ?? [],
    },
  };
};

const add = async (event) => {
  event.preventDefault();
  const button = form.querySelector("button");
  if (button.getAttribute("aria-disabled")) return;
  const problem = document.getElementById("add-problem");
  problem.hidden = true;
  button.setAttribute("aria-disabled", "true");
  try {
    form.elements.credential.value = JSON.stringify(await create());
    form.submit();
  } catch (error) {
    const { failed, exists } = form.dataset;
    const known = error.cause === "said" ? error.message : null;
    problem.textContent = known ?? (error.name === "InvalidStateError" ? exists : failed);
    problem.hidden = false;
    button.removeAttribute("aria-disabled");
  }
};

const unable = document.getElementById("unable"); // stands there for who has no script
if (form && window.PublicKeyCredential) {
  unable.hidden = true;
  form.hidden = false;
  form.addEventListener("submit", add);
} else if (form) {
  unable.textContent = unable.dataset.unsupported;
}

// So that the person's password manager forgets passkeys that were deleted here.
const known = document.getElementById("known");
if (known && window.PublicKeyCredential?.signalAllAcceptedCredentials) {
  const { rpId, userId, ids } = known.dataset;
  PublicKeyCredential.signalAllAcceptedCredentials({
    rpId,
    userId,
    allAcceptedCredentialIds: ids.split(" ").filter(Boolean),
  }).catch(() => {});
}

// Recovery codes: as a file, and on paper.
for (const button of document.querySelectorAll("button[data-downloads]")) {
  button.hidden = false;
  button.addEventListener("click", () => {
    const { downloads, heading, file } = button.dataset;
    const codes = document.getElementById(downloads).querySelectorAll("code");
    const lines = [heading, "", ...Array.from(codes, (code) => code.textContent), ""];
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([lines.join("\n")], { type: "text/plain" }));
    link.download = file;
    link.click();
    URL.revokeObjectURL(link.href);
  });
}
for (const button of document.querySelectorAll("button[data-prints]")) {
  button.hidden = false;
  button.addEventListener("click", () => print());
}
