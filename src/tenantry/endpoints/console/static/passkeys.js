// Signing in by a passkey, and adding one (Web Authentication level 3). What the browser answers
// goes into a form like all the rest.
const bytes = (text) =>
  Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
const text = (buffer) =>
  btoa(Array.from(new Uint8Array(buffer), (b) => String.fromCharCode(b)).join(""))
    .replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
const listed = (keys) => keys?.map((each) => ({ ...each, id: bytes(each.id) }));

const asked = async (form) => {
  const answer = await fetch(form.dataset.options, { method: "POST", body: new URLSearchParams() });
  const { problem, ...found } = await answer.json();
  if (problem) throw new Error(problem, { cause: "said" });
  return found;
};
const written = (credential, response) =>
  JSON.stringify({
    id: credential.id,
    rawId: text(credential.rawId),
    type: credential.type,
    authenticatorAttachment: credential.authenticatorAttachment ?? undefined,
    clientExtensionResults: credential.getClientExtensionResults(),
    response,
  });

const create = async (form) => {
  const { options } = await asked(form);
  const made = await navigator.credentials.create({
    publicKey: {
      ...options,
      challenge: bytes(options.challenge),
      user: { ...options.user, id: bytes(options.user.id) },
      excludeCredentials: listed(options.excludeCredentials),
    },
  });
  form.elements.credential.value = written(made, {
    clientDataJSON: text(made.response.clientDataJSON),
    attestationObject: text(made.response.attestationObject),
    transports: made.response.getTransports?.() ?? [],
  });
};

const get = async (form) => {
  const { challenge_id, options } = await asked(form);
  const given = await navigator.credentials.get({
    publicKey: {
      ...options,
      challenge: bytes(options.challenge),
      allowCredentials: listed(options.allowCredentials),
    },
  });
  form.elements.challenge_id.value = challenge_id;
  const names = ["clientDataJSON", "authenticatorData", "signature", "userHandle"];
  form.elements.credential.value = written(
    given,
    Object.fromEntries(
      names.filter((name) => given.response[name]).map((name) => [name, text(given.response[name])]),
    ),
  );
};

const ways = { create, get };
for (const form of document.querySelectorAll("form[data-passkey]")) {
  const problem = form.querySelector("[data-problem]");
  const unable = document.getElementById(form.dataset.unable); // stands there for who has no script
  if (!window.PublicKeyCredential) {
    unable.textContent = unable.dataset.unsupported;
    continue;
  }
  unable.hidden = true;
  form.hidden = false;
  const button = form.querySelector("button");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (button.dataset.busy) return;
    button.dataset.busy = "yes";
    problem.hidden = true;
    try {
      await ways[form.dataset.passkey](form);
      form.submit();
    } catch (error) {
      const { failed, exists } = form.dataset;
      const known = error.cause === "said" ? error.message : null;
      problem.textContent = known ?? (error.name === "InvalidStateError" ? exists : failed);
      problem.hidden = false;
    } finally {
      delete button.dataset.busy;
      button.removeAttribute("aria-disabled");
    }
  });
}
