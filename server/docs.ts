import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Document } from 'openapi-backend';
import type { Route, Serve } from './routing.ts';
import { send, sendFile } from './sending.ts';

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
<link rel="stylesheet" href="docs/style.css">
<div id="api"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
`;

/** The sections of the page, each with the paths below `/v2/auth/` that belong to it. The document keeps its own tags. */
const SECTIONS = [
  {
    name: 'Getting tokens',
    description: 'Ask for a token; if a person must consent, show the link and wait.',
    paths: ['authenticate', 'wait', 'callback', 'setup'],
  },
  { name: 'Tokens', description: 'Import, list, label and delete them.', paths: ['tokens'] },
  { name: 'OAuth providers', description: 'Where tokens come from.', paths: ['providers'] },
  { name: 'Agent connections', description: 'Which tokens agents use.', paths: ['agents'] },
];

/**
 * `validatorUrl` would send the document to another host. The answers that every operation shares are many, so an error is
 * one line until it is opened.
 */
const START = `const sections = ${JSON.stringify(SECTIONS)};

const ours = () => ({
  wrapComponents: {
    // Each scheme's field asks for the focus, and the last one gets it.
    authorizationPopup: (Original, { React }) => (props) => {
      React.useEffect(() => document.querySelector('.modal-ux input')?.focus(), []);
      return React.createElement(Original, props);
    },
    response: (Original, { React }) => (props) => {
      const [isOpen, open] = React.useState(Number(props.code) < 400);
      if (isOpen) return React.createElement(Original, props);
      const description = props.response.get('description');
      return React.createElement('tr', { className: 'response', 'data-code': props.code },
        React.createElement('td', { className: 'response-col_status' }, props.code),
        React.createElement('td', { colSpan: 2, className: 'response-col_description' },
          React.createElement('button', { type: 'button', className: 'folded', onClick: () => open(true) }, description)));
    },
  },
});
// Puts each operation into its section.
const grouped = (text) => {
  const contract = JSON.parse(text);
  contract.tags = sections.map(({ name, description }) => ({ name, description }));
  for (const [path, methods] of Object.entries(contract.paths)) {
    const section = sections.find(({ paths }) => paths.includes(path.split('/')[3]));
    for (const operation of Object.values(methods)) if (section !== undefined) operation.tags = [section.name];
  }
  return JSON.stringify(contract);
};

SwaggerUIBundle({
  url: 'openapi.json',
  responseInterceptor: (response) => {
    if (new URL(response.url).pathname.endsWith('/openapi.json')) response.text = grouped(response.text);
    return response;
  },
  dom_id: '#api',
  validatorUrl: null,
  tryItOutEnabled: true,
  defaultModelsExpandDepth: 0,
  persistAuthorization: true,
  plugins: [ours],
});
`;

const STYLE = `.swagger-ui .folded { padding: 0; border: 0; background: none; color: inherit; font: inherit; text-align: left; text-decoration: underline dotted; cursor: pointer }
@media (max-width: 640px) {
  .swagger-ui .wrapper { padding: 0 10px }
  .swagger-ui .opblock-tag { flex-wrap: wrap }
  .swagger-ui .opblock-tag small { flex: 1 0 100%; order: 1; padding: 5px 0 }
  .swagger-ui .opblock .opblock-summary { flex-wrap: wrap }
  .swagger-ui .opblock .opblock-summary-description { flex: 1 0 100%; padding: 5px 0 }
  .swagger-ui .opblock-body { overflow-x: auto }
}
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
    ...redirectRoutes('/', 'docs'),
    ...redirectRoutes('/docs/', '../docs'),
    ...fileRoutes('/openapi.json', { type: 'application/json', content: JSON.stringify(contract) }),
    ...fileRoutes('/docs', { type: 'text/html; charset=utf-8', content: HTML }),
    ...fileRoutes('/docs/style.css', { type: 'text/css; charset=utf-8', content: STYLE }),
    ...fileRoutes('/docs/start.js', { type: 'text/javascript; charset=utf-8', content: START }),
    ...assets.flatMap(([path, file]) => fileRoutes(path, file)),
  ];
}

/** @param location relative, so that it also holds below a proxy's prefix */
function redirectRoutes(path: string, location: string): readonly Route[] {
  const serve: Serve = async (_request, response) =>
    send(response, { status: 307, headers: { Location: location } });
  return ['GET', 'HEAD'].map((method) => ({ method, path, serve }));
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
