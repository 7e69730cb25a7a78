// The library's own types are beyond what its package lets a module see.

declare module "tinykeys" {
  export function tinykeys(
    target: Window,
    bindings: Record<string, (event: KeyboardEvent) => void>,
    options?: { timeout?: number },
  ): () => void;
}
