// The admin portal in a frame: it tells the page around it what happens, and the reader that the
// session ends. It posts to the origin around it, which has to be one of those that may hold it.
const { origins, organization, left, expires, failure, told } = document.body.dataset;
const allowed = (origins ?? "").split(" ").filter(Boolean);

// A frame's name lives as long as the frame: browsers keep no storage for frames of other sites. The
// page around us may have given it one of its own, which then stays.
function remembered() {
  if (window.name === "") return {};
  try {
    const { tenantry } = JSON.parse(window.name);
    return typeof tenantry === "object" ? tenantry : null;
  } catch {
    return null;
  }
}

const kept = remembered();
const memory = kept ?? {};

function keep(name, value) {
  memory[name] = value;
  if (kept) window.name = JSON.stringify({ tenantry: memory });
}

function origin_of(address) {
  try {
    return new URL(address).origin;
  } catch {
    return "";
  }
}

// Later pages have one of ours as their referrer: what the first one found is kept.
function targets() {
  const around = location.ancestorOrigins?.[0] ?? origin_of(document.referrer);
  if (allowed.includes(around)) {
    keep("around", around);
    return [around];
  }
  if (location.ancestorOrigins) return [];
  // A page that is told of no referrer tries each: a browser delivers to the one that is there.
  return allowed.includes(memory.around) ? [memory.around] : allowed;
}

function tell(event_type, object, message, data) {
  if (window.parent === window) return;
  const event = { event_type, object, message, data };
  if (organization) event.organization_id = organization;
  for (const target of targets()) window.parent.postMessage(event, target);
}

// Each of them is told once for a session, whatever pages of it are opened.
function tell_once(event_type, message) {
  if (memory[event_type] === expires) return;
  keep(event_type, expires);
  tell(event_type, "session", message, { expiry: expires });
}

if (failure) {
  tell("PORTAL_LOAD_FAILURE", "session", "The admin portal could not be opened", { error_code: failure });
} else if (expires) {
  tell_once("PORTAL_LOAD_SUCCESS", "The admin portal is open");
}

// A widget fills its element, which sets the height of the frame (widgets.js).
if (document.body.classList.contains("widget")) {
  const height = () => Math.ceil(document.documentElement.getBoundingClientRect().height);
  new ResizeObserver(() => tell("WIDGET_RESIZE", "widget", "The height of the widget changed", { height: height() }))
    .observe(document.documentElement);
}

if (told) {
  const event = JSON.parse(told);
  tell(event.event_type, event.object, event.message, event.data);
  // A reload is no second change.
  const here = new URL(location.href);
  here.searchParams.delete("told");
  here.searchParams.delete("done");
  history.replaceState(history.state, "", here);
}

// A widget has no time left to show: the page around it renews its session (widgets.js).
if (expires && left) {
  const WARNING = 300_000;
  const end = Date.now() + Number(left) * 1000;
  const warning = document.getElementById("session-warning");
  const over = document.getElementById("session-over");
  const look = () => {
    const rest = end - Date.now();
    if (rest > WARNING) return;
    if (rest > 0) {
      warning.hidden = false;
      tell_once("PORTAL_SESSION_WARNING", "The admin portal session ends in five minutes");
      return;
    }
    clearInterval(looking);
    warning.hidden = true;
    over.hidden = false;
    document.querySelector("main").hidden = true;
    over.querySelector("h1").focus();
    tell_once("PORTAL_SESSION_EXPIRY", "The admin portal session has expired");
  };
  const looking = setInterval(look, 1000);
  look();
}
