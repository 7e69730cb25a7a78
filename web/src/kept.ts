// A choice of this reader that the browser keeps, for every page that shows by it.

export interface Kept<T> {
  now(): T;
  set(next: T): void;
  subscribe(listener: () => void): () => void;
}

/** What is kept under this key; `parse` takes of it what still means something, and gives what holds without it. */
export function keep<T>(key: string, parse: (kept: string | null) => T): Kept<T> {
  const listeners = new Set<() => void>();
  let value = parse(read(key));
  return {
    now: () => value,
    set(next) {
      value = next;
      try {
        window.localStorage.setItem(key, JSON.stringify(value));
      } catch {
        // A browser that keeps nothing shows it for as long as the page is open.
      }
      for (const listener of listeners) {
        listener();
      }
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

function read(key: string): string | null {
  try {
    return window.localStorage.getItem(key);
  } catch {
    return null;
  }
}
