// What was measured, for whoever reads the run; and how large a measurement is to be.

/** A number from the environment, for the full runs. */
export function size(variable: string, otherwise: number): number {
  const text = process.env[variable];
  return text === undefined ? otherwise : Number(text);
}

export function report(line: string): void {
  process.stdout.write(`    ${line}\n`);
}

export const ms = (value: number) => `${value.toFixed(0)} ms`.padStart(8);
export const mb = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;
