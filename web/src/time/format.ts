// Times and durations in words. Instants stand in the viewer's zone.

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const clock = format({ hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const day = format({ year: "numeric", month: "short", day: "numeric" });
const exactly = format({
  year: "numeric",
  month: "2-digit",
  day: "2-digit",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  fractionalSecondDigits: 3,
  hourCycle: "h23",
  timeZoneName: "longOffset",
});

/** Like 12:03:04. */
export function clockTime(millis: number): string {
  return clock(millis);
}

/** The exact instant in the viewer's zone, with its offset, and in UTC. */
export function exactTime(millis: number): string {
  return `${exactly(millis)} (${new Date(millis).toISOString()})`;
}

/** How long, in the two largest units that matter: `340 ms`, `4.2 s`, `3 min 05 s`, `2 h 07 min`, `5 d 03 h`. */
export function duration(millis: number): string {
  const whole = Math.max(0, Math.round(millis));
  if (whole < SECOND) {
    return `${whole} ms`;
  }
  if (whole < 10 * SECOND) {
    return `${(Math.floor(whole / 100) / 10).toFixed(1)} s`;
  }
  if (whole < MINUTE) {
    return `${Math.floor(whole / SECOND)} s`;
  }
  if (whole < HOUR) {
    return two(whole, MINUTE, "min", SECOND, "s");
  }
  return whole < DAY ? two(whole, HOUR, "h", MINUTE, "min") : two(whole, DAY, "d", HOUR, "h");
}

/** How long ago or until when, coarse: what was less than a minute ago is `just now`; what is more than a day away is a date. */
export function relativeTime(millis: number, now: number): string {
  const ago = now - millis;
  const away = Math.abs(ago);
  if (away >= DAY) {
    return `${day(millis)}, ${clock(millis)}`;
  }
  if (away < 5 * SECOND) {
    return "just now";
  }
  const words = coarse(away);
  return ago > 0 ? `${words} ago` : `in ${words}`;
}

/** Like 1.4 MB: decimal units, as disks are sold. */
export function bytes(count: number): string {
  const units = ["kB", "MB", "GB", "TB"];
  if (count < 1_000) {
    return `${count} B`;
  }
  let value = count;
  let unit = "B";
  for (const next of units) {
    if (value < 1_000) {
      break;
    }
    value /= 1_000;
    unit = next;
  }
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${unit}`;
}

/** A whole number with the viewer's separators, in the digits of all other numbers of the pages. */
export function count(value: number): string {
  if (Math.abs(value) < 1_000) {
    // Nothing to separate: most numbers of a page need no formatter, which takes long to make.
    return String(value);
  }
  separated ??= new Intl.NumberFormat(undefined, { numberingSystem: "latn" });
  return separated.format(value);
}

let separated: Intl.NumberFormat | undefined;

/** Made when it is first wanted: each takes longer to make than a page of words. */
function format(options: Intl.DateTimeFormatOptions): (millis: number) => string {
  let made: Intl.DateTimeFormat | undefined;
  return (millis) => {
    made ??= new Intl.DateTimeFormat(undefined, options);
    return made.format(millis);
  };
}

function coarse(millis: number): string {
  if (millis < MINUTE) {
    return `${Math.floor(millis / SECOND)} s`;
  }
  return millis < HOUR ? `${Math.floor(millis / MINUTE)} min` : `${Math.floor(millis / HOUR)} h`;
}

function two(millis: number, large: number, largeName: string, small: number, smallName: string): string {
  const rest = Math.floor((millis % large) / small);
  return `${Math.floor(millis / large)} ${largeName} ${String(rest).padStart(2, "0")} ${smallName}`;
}
