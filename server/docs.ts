import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Document } from 'openapi-backend';

export interface Page {
  readonly type: string;
  readonly content: Buffer | string;
}

const HTML = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Tokenhold API</title>
<link rel="icon" href="docs/favicon-32x32.png">
<link rel="stylesheet" href="docs/swagger-ui.css">
<div id="api"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
`;

/** `validatorUrl` would send the document to another host. */
const START = `SwaggerUIBundle({ url: 'openapi.json', dom_id: '#api', validatorUrl: null, tryItOutEnabled: true });
`;

const FILES = {
  'favicon-32x32.png': 'image/png',
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
};

/** Nothing is loaded from, or sent to, another host. Swagger UI sets styles of its own. */
export const CONTENT_SECURITY_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** The contract for people, by path: the document, and Swagger UI to read and try it. All of it is held in memory. */
export function docsPages(contract: Document): ReadonlyMap<string, Page> {
  // Loading the package itself would run it.
  const { resolve } = createRequire(import.meta.url);
  const files = Object.entries(FILES).map(
    ([name, type]) =>
      [`/docs/${name}`, { type, content: readFileSync(resolve(`swagger-ui-dist/${name}`)) }] as const,
  );
  return new Map<string, Page>([
    ['/openapi.json', { type: 'application/json', content: JSON.stringify(contract) }],
    ['/docs', { type: 'text/html; charset=utf-8', content: HTML }],
    ['/docs/start.js', { type: 'text/javascript; charset=utf-8', content: START }],
    ...files,
  ]);
}
