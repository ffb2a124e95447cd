/** Colour, only on a terminal and only where NO_COLOR is not set; and text made safe to print. */
import picocolors from 'picocolors';

export type Style = ReturnType<typeof picocolors.createColors>;

/** Style for a stream; `colour` decides where it is given. */
export function styleFor(stream: { isTTY?: boolean }, colour?: boolean): Style {
  return picocolors.createColors(colour ?? (stream.isTTY === true && picocolors.isColorSupported));
}

// oxlint-disable-next-line no-control-regex -- these are the characters meant
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g;

/**
 * Evidence holds whatever an agent sent: a control character in it must not reach the auditor's terminal. White space
 * becomes one space, every other control or direction character its \u escape.
 */
export function printable(text: string): string {
  return text.replace(/\s+/g, ' ').replace(CONTROL, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** At most `width` characters, the cut marked. */
export function shorten(text: string, width: number): string {
  const characters = Array.from(text);
  return characters.length <= width ? text : `${characters.slice(0, Math.max(width - 1, 0)).join('')}…`;
}

/** 0.4 ms, 12 ms, 1.2 s, 3 min 5 s. */
export function duration(milliseconds: number): string {
  if (milliseconds < 10) return `${milliseconds.toFixed(1)} ms`;
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  const seconds = milliseconds / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}

export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
