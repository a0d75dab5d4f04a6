import { useCallback, useState } from "react";
import { createRoot } from "react-dom/client";
import { AdminPortal } from "./AdminPortal.jsx";

function Settings({ tenantry }) {
  const [events, setEvents] = useState([]);
  const onEvent = useCallback((event) => setEvents((all) => [...all, event.event_type]), []);
  return (
    <>
      <AdminPortal tenantry={tenantry} onEvent={onEvent} />
      <p id="events">{events.join(" ")}</p>
    </>
  );
}

const root = document.getElementById("root");
createRoot(root).render(<Settings tenantry={root.dataset.tenantry} />);
