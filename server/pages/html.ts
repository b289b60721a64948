/** This module alone can name the key, so only the tagged template below makes an `Html`. */
const markup: unique symbol = Symbol('markup');

/** Text that a browser may read as HTML. */
export interface Html {
  readonly [markup]: string;
}

export type Content = string | number | undefined | Html | readonly Content[];

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Escaped for element content and for quoted attribute values. */
const escaped = (text: string): string => text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');

function rendered(content: Content): string {
  if (content === undefined) return '';
  if (typeof content === 'string' || typeof content === 'number') return escaped(String(content));
  return markup in content ? content[markup] : content.map(rendered).join('');
}

/**
 * Makes HTML from a template. Strings and numbers are escaped, `Html` is nested as it is, the items of an array are
 * joined, and undefined leaves nothing. An attribute value must be quoted.
 */
export const html = (template: TemplateStringsArray, ...contents: readonly Content[]): Html => ({
  [markup]: template.map((part, index) => part + rendered(contents[index])).join(''),
});

/** The text of the HTML, to be sent as UTF-8. */
export const htmlText = (content: Html): string => content[markup];
