/**
 * What must not compile: `tsc` fails on an expected error that does not come. Nothing here runs.
 */
import { type Html, html, htmlText } from '../server/pages/html.ts';

export const made: Html = html`<p>${'text'}</p>`;

// @ts-expect-error a string is not HTML
export const text: Html = '<p>';

// @ts-expect-error an object with text in it is not HTML
export const object: Html = { markup: '<p>' };

// @ts-expect-error a call with a plain array is not a template
export const called: Html = html(['<p>']);

// @ts-expect-error a string is not HTML
export const sent: string = htmlText('<p>');

// @ts-expect-error null would be printed as text
export const absent: Html = html`<p>${null}</p>`;
