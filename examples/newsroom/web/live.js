/**
 * What the newsroom says without being asked, as events on `live`: `ticker`, `tree`, `report`, `articles`, `hello`
 * with the node that speaks, and `connection` when the line to it is lost or found again. One event stream a page; the browser reconnects it.
 */
export const live = new EventTarget();

const names = ["hello", "ticker", "tree", "report", "articles"];
let connected;

function say(name, detail) {
  live.dispatchEvent(new CustomEvent(name, { detail }));
}

/** Has this page, and what it asks for, served by one node as long as that is there. */
export function stayWith(node) {
  // biome-ignore lint/suspicious/noDocumentCookie: the Cookie Store API is not there for a page of plain HTTP.
  document.cookie = `interlock-node=${encodeURIComponent(node)}; path=/api; samesite=strict`;
}

export function goLive({ tree = false } = {}) {
  let source = listen(tree);
  // A page that is put aside must not hold one of the browser's few connections to this host; one that is taken out of
  // the browser's cache again starts where the news is now.
  addEventListener("pagehide", () => source.close());
  addEventListener("pageshow", ({ persisted }) => {
    if (persisted) source = listen(tree);
  });
  return {
    again() {
      source.close();
      source = listen(tree);
    },
  };
}

function listen(tree) {
  const source = new EventSource(tree ? "/api/events?tree=yes" : "/api/events");
  source.addEventListener("open", () => sayConnected(true));
  source.addEventListener("error", () => sayConnected(false));
  for (const name of names) source.addEventListener(name, (event) => say(name, JSON.parse(event.data)));
  return source;
}

function sayConnected(now) {
  if (connected === now) return;
  connected = now;
  say("connection", now);
}
