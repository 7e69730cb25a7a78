// Where the server is: where this page came from.

const url = new URL("/graphql", window.location.href);

/** The server as a person would name it. */
export const host = url.host;
/** The address of the API. */
export const endpoint = url.href;
/** The address of its WebSocket: http becomes ws, https becomes wss. */
export const socketEndpoint = url.href.replace(/^http/, "ws");
