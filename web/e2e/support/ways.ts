// Every way that we know of in which a page can have a browser send something to a server of elsewhere.

/** What a way is to send, and where to. */
export interface Ask {
  /** GraphQL's address, with `way=…`. */
  url: string;
  /** The same for a WebSocket. */
  socket: string;
  /** A document that starts a job. */
  query: string;
  /** The body of an honest request with it. */
  body: string;
  /** A document that reads what nobody else may. */
  read: string;
  /** `url` with that one as a parameter. */
  get: string;
}

/** Markup that a page adds to itself; then its forms are submitted and its links clicked. */
export const markup: Record<string, (ask: Ask) => string> = {
  img: ({ get }) => `<img src="${get}">`,
  "img crossorigin": ({ get }) => `<img crossorigin src="${get}">`,
  "img srcset": ({ get }) => `<img srcset="${get} 1x">`,
  "svg image": ({ get }) => `<svg><image href="${get}" /></svg>`,
  "input image": ({ get }) => `<input type="image" src="${get}">`,
  video: ({ get }) => `<video src="${get}"></video>`,
  audio: ({ get }) => `<audio preload="auto" src="${get}"></audio>`,
  source: ({ get }) => `<video preload="auto"><source src="${get}"></video>`,
  "video poster": ({ get }) => `<video poster="${get}"></video>`,
  script: ({ get }) => `<script src="${get}"></script>`,
  "script module": ({ get }) => `<script type="module" src="${get}"></script>`,
  stylesheet: ({ get }) => `<link rel="stylesheet" href="${get}">`,
  "stylesheet @import": ({ get }) => `<style>@import "${get}";</style>`,
  "css background": ({ get }) => `<div style="background: url('${get}')">.</div>`,
  "css font": ({ get }) =>
    `<style>@font-face { font-family: f; src: url("${get}") }</style><p style="font-family: f">.</p>`,
  prefetch: ({ get }) => `<link rel="prefetch" href="${get}">`,
  "preload as fetch": ({ get }) => `<link rel="preload" as="fetch" href="${get}">`,
  "preload as image": ({ get }) => `<link rel="preload" as="image" href="${get}">`,
  "preload as script": ({ get }) => `<link rel="preload" as="script" href="${get}">`,
  modulepreload: ({ get }) => `<link rel="modulepreload" href="${get}">`,
  iframe: ({ get }) => `<iframe src="${get}"></iframe>`,
  "iframe sandbox": ({ get }) => `<iframe sandbox src="${get}"></iframe>`,
  "iframe srcdoc img": ({ get }) => `<iframe srcdoc='<img src="${get}">'></iframe>`,
  "meta refresh": ({ get }) =>
    `<iframe srcdoc='<meta http-equiv="refresh" content="0; url=${get}">'></iframe>`,
  object: ({ get }) => `<object data="${get}"></object>`,
  embed: ({ get }) => `<embed src="${get}">`,
  "link in a new tab": ({ get }) => `<a target="_blank" rel="opener" href="${get}">.</a>`,
  "link without opener": ({ get }) => `<a target="_blank" rel="noopener noreferrer" href="${get}">.</a>`,
  "link ping": ({ url }) => `<a target="_blank" ping="${url}" href="about:blank">.</a>`,
  "form get": (ask) => form(ask, 'method="get"', fields(ask, ask.read)),
  "form get in a new tab": (ask) => form(ask, 'method="get"', fields(ask, ask.read), "_blank"),
  "form urlencoded": (ask) => form(ask, 'method="post"', fields(ask)),
  "form multipart": (ask) => form(ask, 'method="post" enctype="multipart/form-data"', fields(ask)),
  "form text/plain": (ask) => form(ask, 'method="post" enctype="text/plain"', json(ask)),
  "form text/plain in a new tab": (ask) =>
    form(ask, 'method="post" enctype="text/plain"', json(ask), "_blank"),
  "form enctype json": (ask) => form(ask, 'method="post" enctype="application/json"', fields(ask)),
};

function form({ url }: Ask, attributes: string, inputs: string, target = wayOf(url)): string {
  return `<iframe name="${wayOf(url)}"></iframe><form target="${target}" action="${url}" ${attributes}>${inputs}</form>`;
}

function wayOf(url: string): string {
  return new URL(url).searchParams.get("way") ?? "";
}

/** A GET of a form keeps no parameter of its address. */
function fields({ url, query }: Ask, text = query): string {
  return `<input name="way" value="${wayOf(url)}"><input name="query" value="${quoted(text)}">`;
}

/** A field whose name and value make JSON with the `=` between them. */
function json({ query }: Ask): string {
  const name = `${JSON.stringify({ query }).slice(0, -1)}, "x": "`;
  return `<input name="${quoted(name)}" value="${quoted('"}')}">`;
}

function quoted(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll('"', "&quot;");
}

type Script = (ask: Ask) => unknown;

/** Scripts that a page runs, without anything from outside of them; what they return, the page has read. */
export const scripts: Record<string, Script> = {
  "fetch text/plain": async ({ url, body }) => (await fetch(url, { method: "POST", body })).text(),
  "fetch no-cors": async ({ url, body }) =>
    (await fetch(url, { method: "POST", body, mode: "no-cors" })).text(),
  "fetch no-cors, json": async ({ url, body }) => {
    const headers = { "content-type": "application/json" };
    return (await fetch(url, { method: "POST", body, mode: "no-cors", headers })).text();
  },
  "fetch no-cors, json blob": async ({ url, body }) => {
    const blob = new Blob([body], { type: "application/json" });
    return (await fetch(url, { method: "POST", body: blob, mode: "no-cors" })).text();
  },
  "fetch text/plain; json": async ({ url, body }) => {
    const headers = { "content-type": "text/plain; application/json" };
    return (await fetch(url, { method: "POST", body, headers })).text();
  },
  "fetch multipart; json": async ({ url, body }) => {
    const headers = { "content-type": "multipart/form-data; boundary=application/json" };
    return (await fetch(url, { method: "POST", body, headers })).text();
  },
  "fetch without a type": async ({ url, body }) =>
    (await fetch(url, { method: "POST", body: new TextEncoder().encode(body) })).text(),
  "fetch urlencoded": async ({ url, query }) =>
    (await fetch(url, { method: "POST", body: new URLSearchParams({ query }) })).text(),
  "fetch multipart": async ({ url, query, body }) => {
    const form = new FormData();
    form.set("query", query);
    form.set("operations", body);
    form.set("map", "{}");
    return (await fetch(url, { method: "POST", body: form })).text();
  },
  "fetch keepalive": async ({ url, body }) =>
    (await fetch(url, { method: "POST", body, keepalive: true })).text(),
  "fetch with credentials": async ({ url, body }) =>
    (await fetch(url, { method: "POST", body, credentials: "include" })).text(),
  "fetch without referrer": async ({ url, body }) =>
    (await fetch(url, { method: "POST", body, referrerPolicy: "no-referrer", mode: "no-cors" })).text(),
  "fetch events": async ({ url, body }) => {
    const headers = { accept: "text/event-stream" };
    return (await fetch(url, { method: "POST", body, headers })).text();
  },
  "fetch get": async ({ get }) => (await fetch(get)).text(),
  "fetch get no-cors": async ({ get }) => (await fetch(get, { mode: "no-cors" })).text(),
  "fetch get events": async ({ get }) =>
    (await fetch(get, { headers: { accept: "text/event-stream" } })).text(),
  "fetch head": async ({ get }) => (await fetch(get, { method: "HEAD", mode: "no-cors" })).text(),
  "xhr text/plain": ({ url, body }) =>
    new Promise((read) => {
      const asked = new XMLHttpRequest();
      asked.open("POST", url);
      asked.withCredentials = true;
      asked.onloadend = () => read(asked.responseText);
      asked.send(body);
    }),
  "xhr sync": ({ url, body }) => {
    const asked = new XMLHttpRequest();
    asked.open("POST", url, false);
    asked.send(body);
    return asked.responseText;
  },
  "xhr get": ({ get }) =>
    new Promise((read) => {
      const asked = new XMLHttpRequest();
      asked.open("GET", get);
      asked.onloadend = () => read(asked.responseText);
      asked.send();
    }),
  "beacon text": ({ url, body }) => void navigator.sendBeacon(url, body),
  "beacon blob text/plain": ({ url, body }) =>
    void navigator.sendBeacon(url, new Blob([body], { type: "text/plain" })),
  "beacon blob urlencoded": ({ url, query }) => {
    const type = "application/x-www-form-urlencoded";
    navigator.sendBeacon(url, new Blob([`query=${encodeURIComponent(query)}`], { type }));
  },
  "beacon blob without a type": ({ url, body }) => void navigator.sendBeacon(url, new Blob([body])),
  "beacon bytes": ({ url, body }) => void navigator.sendBeacon(url, new TextEncoder().encode(body)),
  "beacon form": ({ url, query }) => {
    const form = new FormData();
    form.set("query", query);
    navigator.sendBeacon(url, form);
  },
  "beacon parameters": ({ url, query }) => void navigator.sendBeacon(url, new URLSearchParams({ query })),
  "window.open": ({ get }) => void window.open(get),
  "location of a frame": ({ get }) => {
    const frame = document.createElement("iframe");
    document.body.append(frame);
    if (frame.contentWindow) {
      frame.contentWindow.location.href = get;
    }
  },
  "import()": async ({ get }) => Object.keys(await import(get)),
  EventSource: ({ get }) =>
    new Promise((read) => {
      const source = new EventSource(get);
      source.onopen = () => read("open");
      source.onerror = () => {
        source.close();
        read("");
      };
    }),
  "worker fetch": ({ url, body }) => {
    const code = `fetch(${JSON.stringify(url)}, { method: "POST", body: ${JSON.stringify(body)}, mode: "no-cors" })`;
    new Worker(URL.createObjectURL(new Blob([code])));
  },
  "worker importScripts": ({ get }) => {
    new Worker(URL.createObjectURL(new Blob([`importScripts(${JSON.stringify(get)})`])));
  },
};

/** Those before which a browser asks whether it may: nothing but that question is sent. */
export const preflighted: Record<string, Script> = {
  "fetch json": async ({ url, body }) => {
    const headers = { "content-type": "application/json" };
    return (await fetch(url, { method: "POST", body, headers })).text();
  },
  "fetch json keepalive": async ({ url, body }) => {
    const headers = { "content-type": "application/json" };
    return (await fetch(url, { method: "POST", body, headers, keepalive: true })).text();
  },
  "fetch with a token": async ({ url, body }) =>
    (await fetch(url, { method: "POST", body, headers: { authorization: "Bearer lh_x" } })).text(),
  "fetch get, marked": async ({ get }) =>
    (await fetch(get, { headers: { "graphql-require-preflight": "1" } })).text(),
  "fetch put": async ({ url, body }) => (await fetch(url, { method: "PUT", body })).text(),
  "xhr json": ({ url, body }) =>
    new Promise((read) => {
      const asked = new XMLHttpRequest();
      asked.open("POST", url);
      asked.setRequestHeader("content-type", "application/json");
      asked.onloadend = () => read(asked.responseText);
      asked.send(body);
    }),
  "xhr upload": ({ url, body }) =>
    new Promise((read) => {
      const asked = new XMLHttpRequest();
      asked.open("POST", url);
      asked.upload.onprogress = () => undefined;
      asked.onloadend = () => read(asked.responseText);
      asked.send(body);
    }),
  "beacon blob json": ({ url, body }) =>
    void navigator.sendBeacon(url, new Blob([body], { type: "application/json" })),
};

/** A WebSocket needs no question before it. */
export const sockets: Record<string, Script> = {
  WebSocket: ({ socket, query }) =>
    new Promise((read) => {
      const opened = new WebSocket(socket, "graphql-transport-ws");
      let heard = "";
      opened.onopen = () => opened.send('{"type": "connection_init"}');
      opened.onmessage = ({ data }) => {
        heard += data;
        if (heard === data) {
          opened.send(JSON.stringify({ id: "1", type: "subscribe", payload: { query } }));
        } else {
          opened.close();
        }
      };
      opened.onclose = () => read(heard);
    }),
  "WebSocket without a subprotocol": ({ socket }) =>
    new Promise((read) => {
      const opened = new WebSocket(socket);
      opened.onopen = () => read("open");
      opened.onclose = () => read("");
    }),
  "worker WebSocket": ({ socket }) => {
    const code = `new WebSocket(${JSON.stringify(socket)}, "graphql-transport-ws")`;
    new Worker(URL.createObjectURL(new Blob([code])));
  },
};
