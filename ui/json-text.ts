/**
 * A value as JSON, to be read: characters that no eye sees or that turn the text around are written as their escapes, which mean the same.
 * Empty for what JSON does not know.
 */
export function jsonText(value: unknown, indent?: number): string {
  const text = JSON.stringify(value, null, indent) ?? '';
  return text.replace(UNSEEN, (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

// Those that JSON itself does not escape; they are found within its strings alone. Emoji are held together by U+200D, which stays.
const UNSEEN = /[\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;
