// The link of the mail may be opened in another tab: then this one goes on by itself. It asks while
// it is looked at, for twenty minutes at most.
for (const { dataset, action } of document.querySelectorAll("[data-waits]")) {
  let asked = 0;
  let timer;
  const ask = async () => {
    clearTimeout(timer);
    if (document.hidden || asked > 160) return;
    asked += 1;
    const answer = await fetch(dataset.waits).catch(() => null);
    const { waits } = answer?.ok ? await answer.json() : { waits: true };
    if (!waits) location.replace(action.replace(/\/code$/, ""));
    else timer = setTimeout(ask, asked < 40 ? 3_000 : 9_000);
  };
  timer = setTimeout(ask, 3_000);
  document.addEventListener("visibilitychange", ask);
}

// Passkeys: a button, and what the e-mail field suggests (Web Authentication level 3, conditional
// mediation). What a browser answers goes into a form like all the rest. Other ways need no script.
const place = document.getElementById("passkey");
const bytes = (text) =>
  Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
const names = ["clientDataJSON", "authenticatorData", "signature", "userHandle"];

let waiting = null; // what ends the request that stands behind the e-mail field

const signIn = async (mediation) => {
  waiting?.abort();
  const mine = (waiting = new AbortController());
  const answer = await fetch(`${place.action}/options`, { method: "POST", signal: mine.signal });
  if (!answer.ok) throw new Error(answer.status);
  const { challenge_id, options } = await answer.json();
  const credential = await navigator.credentials.get({
    mediation,
    signal: mine.signal,
    publicKey: {
      ...options,
      challenge: bytes(options.challenge),
      allowCredentials: options.allowCredentials?.map((each) => ({ ...each, id: bytes(each.id) })),
    },
  });
  const given = credential.response;
  place.elements.challenge_id.value = challenge_id;
  place.elements.credential.value = JSON.stringify({
    id: credential.id,
    rawId: text(credential.rawId),
    type: credential.type,
    authenticatorAttachment: credential.authenticatorAttachment,
    clientExtensionResults: credential.getClientExtensionResults(),
    response: Object.fromEntries(
      names.filter((name) => given[name]).map((name) => [name, text(given[name])]),
    ),
  });
  place.submit();
};

const start = async () => {
  const button = place.querySelector("button");
  const problem = place.querySelector("[data-failed]");
  const behindTheField = async () => {
    if (!(await PublicKeyCredential.isConditionalMediationAvailable?.())) return;
    // It ends when the button is pressed, or the person does not want to: nothing to say.
    await signIn("conditional").catch(() => {});
  };
  button.addEventListener("click", async () => {
    problem.hidden = true;
    button.setAttribute("aria-disabled", "true");
    try {
      await signIn("optional");
    } catch {
      problem.textContent = problem.dataset.failed;
      problem.hidden = false;
      behindTheField();
    } finally {
      button.removeAttribute("aria-disabled");
    }
  });
  place.hidden = false;
  // One that was just refused is not offered again at once.
  const refused = !problem.hidden;
  if (!refused && document.querySelector('[autocomplete~="webauthn"]')) await behindTheField();
};

if (place && window.PublicKeyCredential) start();

// A second press of a button sends no form twice.
document.addEventListener("submit", (event) => {
  if (event.target.dataset.sent) event.preventDefault();
  event.target.dataset.sent = "yes";
});
addEventListener("pageshow", () => {
  for (const form of document.forms) delete form.dataset.sent;
});
