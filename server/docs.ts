import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Document } from 'openapi-backend';
import type { Route, Serve } from './routing.ts';
import { sendFile } from './sending.ts';

interface File {
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

const ASSETS = {
  'favicon-32x32.png': 'image/png',
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
};

/** The page loads nothing from other hosts and sends nothing to them. Swagger UI sets styles of its own. */
const CONTENT_SECURITY_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** The contract for people: the document, and Swagger UI to read and try it. All of it is held in memory. */
export function docsRoutes(contract: Document): readonly Route[] {
  // Loading the package itself would run it.
  const { resolve } = createRequire(import.meta.url);
  const assets = Object.entries(ASSETS).map(([name, type]): [string, File] => [
    `/docs/${name}`,
    { type, content: readFileSync(resolve(`swagger-ui-dist/${name}`)) },
  ]);
  return [
    ...fileRoutes('/openapi.json', { type: 'application/json', content: JSON.stringify(contract) }),
    ...fileRoutes('/docs', { type: 'text/html; charset=utf-8', content: HTML }),
    ...fileRoutes('/docs/start.js', { type: 'text/javascript; charset=utf-8', content: START }),
    ...assets.flatMap(([path, file]) => fileRoutes(path, file)),
  ];
}

function fileRoutes(path: string, { type, content }: File): readonly Route[] {
  const headers = {
    'Content-Type': type,
    'Content-Length': String(Buffer.byteLength(content)),
    'Content-Security-Policy': CONTENT_SECURITY_POLICY,
  };
  const serve: Serve = async (_request, response) => sendFile(response, headers, content);
  return ['GET', 'HEAD'].map((method) => ({ method, path, serve }));
}
