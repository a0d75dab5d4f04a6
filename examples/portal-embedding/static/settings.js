// What the portal tells this page. Anybody can post a message: it counts if it comes from the portal.
const events = document.getElementById("events");
const portal = document.getElementById("portal");

addEventListener("message", ({ data, origin, source }) => {
  if (origin !== events.dataset.tenantry || source !== portal.contentWindow) return;
  events.append(`${data.event_type} `);
  // The session is over, or its link was used before: load the page for a new one.
  if (data.event_type === "PORTAL_SESSION_EXPIRY") location.reload();
});
