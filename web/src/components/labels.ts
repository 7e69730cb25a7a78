// Labels of workers and kinds, in words.

/** Like `gpu=a100, zone=b`, as a configuration has them. */
export function labelWords(labels: readonly { key: string; value: string }[]): string {
  return labels.map(({ key, value }) => `${key}=${value}`).join(", ");
}
