// Custom elements for pages of the product: each shows an area of Tenantry in a frame.
// Members' areas take the access token of the user, the portal takes the location of a portal link.
(() => {
  const server = new URL(document.currentScript.src).origin;

  class Frame extends HTMLElement {
    #frame;
    #height = 0;

    connectedCallback() {
      if (this.#frame) return;
      this.style.display ||= "block";
      const frame = document.createElement("iframe");
      frame.name = `tenantry-${crypto.randomUUID()}`;
      frame.title = this.title || this.getAttribute("aria-label") || this.constructor.label;
      frame.allow = "clipboard-write";
      Object.assign(frame.style, { border: "0", width: "100%", height: "320px", colorScheme: "normal" });
      this.#frame = frame;
      addEventListener("message", this.#receive);
      this.append(frame);
      this.load(frame);
    }

    disconnectedCallback() {
      removeEventListener("message", this.#receive);
      this.#frame?.remove();
      this.#frame = undefined;
    }

    get frame() {
      return this.#frame;
    }

    #receive = ({ data, origin, source }) => {
      if (origin !== server || source !== this.#frame?.contentWindow) return;
      if (data.event_type === "WIDGET_RESIZE") {
        const { height } = data.data;
        if (height > 0 && height !== this.#height) this.#frame.style.height = `${this.#height = height}px`;
        return;
      }
      const names = {
        PORTAL_LOAD_SUCCESS: "tenantry-load",
        PORTAL_LOAD_FAILURE: "tenantry-error",
        PORTAL_SESSION_WARNING: "tenantry-session-expiring",
        PORTAL_SESSION_EXPIRY: "tenantry-error",
      };
      const type = names[data.event_type] ?? "tenantry-event";
      this.dispatchEvent(new CustomEvent(type, { detail: data, bubbles: true, composed: true }));
    };
  }

  const WARNING = 60_000; // milliseconds before the token expires

  // The milliseconds until a token expires; without a readable time it never does.
  function time_left(token) {
    try {
      const payload = token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/");
      return JSON.parse(atob(payload)).exp * 1000 - Date.now();
    } catch {
      return Infinity;
    }
  }

  // An area of the user's organization. Setting another token renews the session of the frame
  // without leaving its page.
  class Area extends Frame {
    static observedAttributes = ["access-token"];
    #token;
    #loaded = false;
    #timer;

    get accessToken() {
      return this.#token ?? this.getAttribute("access-token") ?? "";
    }

    set accessToken(token) {
      this.#token = token;
      this.#changed();
    }

    attributeChangedCallback() {
      this.#token = undefined;
      this.#changed();
    }

    disconnectedCallback() {
      super.disconnectedCallback();
      clearTimeout(this.#timer);
      this.#loaded = false;
    }

    load() {
      if (this.accessToken) this.#changed();
    }

    // A failed or expired frame starts over.
    reload() {
      this.#loaded = false;
      this.#changed();
    }

    #changed() {
      if (!this.frame || !this.accessToken) return;
      const form = document.createElement("form");
      form.method = "post";
      form.action = `${server}/widgets/organization/session`;
      form.target = this.frame.name;
      form.hidden = true;
      const members = { access_token: this.accessToken, area: this.constructor.area };
      if (this.#loaded) members.renew = "1";
      for (const [name, value] of Object.entries(members)) {
        const field = document.createElement("input");
        field.type = "hidden";
        field.name = name;
        field.value = value;
        form.append(field);
      }
      document.body.append(form);
      form.submit();
      form.remove();
      this.#loaded = true;
      clearTimeout(this.#timer);
      const left = time_left(this.accessToken) - WARNING;
      if (left < 2 ** 31) {
        this.#timer = setTimeout(() => {
          this.dispatchEvent(new CustomEvent("tenantry-session-expiring", { bubbles: true, composed: true }));
        }, Math.max(0, left));
      }
    }
  }

  class Portal extends Frame {
    static label = "Admin portal";
    static observedAttributes = ["location"];

    attributeChangedCallback() {
      if (this.frame) this.load(this.frame);
    }

    load(frame) {
      const location = this.getAttribute("location");
      frame.style.height = this.getAttribute("height") ?? "720px";
      if (location && new URL(location).origin === server) frame.src = location;
    }
  }

  const areas = {
    "tenantry-organization-settings": ["general", "Organization settings"],
    "tenantry-organization-users": ["users", "Users"],
    "tenantry-organization-single-sign-on": ["sso", "Single sign-on"],
    "tenantry-organization-directories": ["scim", "Directories"],
    "tenantry-organization-domains": ["domains", "Domains"],
    "tenantry-organization-session-policy": ["session-policy", "Session policy"],
  };
  for (const [name, [area, label]] of Object.entries(areas)) {
    if (!customElements.get(name)) {
      customElements.define(name, class extends Area {
        static area = area;
        static label = label;
      });
    }
  }
  if (!customElements.get("tenantry-admin-portal")) customElements.define("tenantry-admin-portal", Portal);
})();
