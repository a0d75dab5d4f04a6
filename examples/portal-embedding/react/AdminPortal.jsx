import { useEffect, useRef, useState } from "react";

/** The admin portal of Tenantry: `onEvent` is called with each of its events. */
export function AdminPortal({ tenantry, onEvent }) {
  const frame = useRef(null);
  const [location, setLocation] = useState();

  useEffect(() => {
    // A link opens once: each time that this appears it needs a new one.
    const stop = new AbortController();
    fetch("/portal-links", { method: "POST", signal: stop.signal })
      .then((answer) => answer.json())
      .then((link) => setLocation(link.location))
      .catch((problem) => {
        if (problem.name !== "AbortError") throw problem;
      });
    return () => stop.abort();
  }, []);

  useEffect(() => {
    const listen = ({ data, origin, source }) => {
      if (origin === tenantry && source === frame.current?.contentWindow) onEvent(data);
    };
    addEventListener("message", listen);
    return () => removeEventListener("message", listen);
  }, [tenantry, onEvent]);

  if (!location) return <p>One moment…</p>;
  return (
    <iframe
      ref={frame}
      src={location}
      title="Admin portal"
      allow="clipboard-write"
      style={{ width: "100%", height: 720, border: 0 }}
    />
  );
}
