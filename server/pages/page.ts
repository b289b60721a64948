import { createHash } from 'node:crypto';
import { type Html, html } from './html.ts';

/** A page and the header fields that must be sent with it. */
export interface Page {
  readonly html: Html;
  readonly headers: Readonly<Record<string, string>>;
}

interface Parts {
  /** Shown in the tab and kept in the browser's history, so it holds no secret. */
  readonly title: string;
  readonly main: Html;
  readonly head?: Html;
  /** The colour above the page. The words say the same. Default: none. */
  readonly tone?: 'good' | 'bad' | undefined;
  /** Whether the page holds a form, which is sent to the page's own URL. */
  readonly hasForm?: boolean;
}

/** Holds no character that `html` escapes: the hash in the policy must be that of the text on the page. */
const STYLE = `
:root{color-scheme:light dark;--back:#f4f5f7;--card:#fff;--text:#1b1f24;--quiet:#57606a;--line:#d0d7de;--link:#0b5fd0;--button:#0b5fd0;--good:#1a7f37;--bad:#9a6700}
@media (prefers-color-scheme:dark){:root{--back:#0e1116;--card:#171b22;--text:#e8ebef;--quiet:#a3acb8;--line:#343b45;--link:#7db1ff;--button:#2f74d8;--good:#3fb950;--bad:#d29922}}
*{box-sizing:border-box}
body{margin:0;background:var(--back);color:var(--text);font:1rem/1.5 system-ui,sans-serif}
main{max-width:30rem;margin:6vh auto;padding:1.5rem;background:var(--card);border:1px solid var(--line);border-radius:.75rem;overflow-wrap:anywhere}
h1{margin:0 0 .75rem;font-size:1.4rem;line-height:1.25}
p,ul{margin:.75rem 0}
ul{padding-left:1.1rem}
dl{margin:1rem 0;border-top:1px solid var(--line)}
dl div{padding:.5rem 0;border-bottom:1px solid var(--line)}
dt{color:var(--quiet);font-size:.875rem}
dd{margin:0;font-weight:600}
dd ul{margin:0;font-weight:400}
a{color:var(--link)}
button{width:100%;margin-top:.75rem;padding:.75rem 1rem;border:0;border-radius:.5rem;background:var(--button);color:#fff;font:inherit;font-weight:600;cursor:pointer}
:focus-visible{outline:3px solid var(--link);outline-offset:2px}
@media (max-width:32rem){main{margin:0;border-width:0 0 1px;border-radius:0}}
main.good{border-top:4px solid var(--good)}
main.bad{border-top:4px solid var(--bad)}
`;

const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64');

/**
 * A whole document. Its policy allows our style and nothing else: no script, no image, no frame, no foreign form target.
 * A page with a form sends its origin to itself, because under `no-referrer` a POST carries `Origin: null`.
 */
export const page = ({ title, main, head, tone, hasForm = false }: Parts): Page => ({
  html: html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
${head}<style>${STYLE}</style>
</head>
<body>
<main${tone && html` class="${tone}"`}>
${main}
</main>
</body>
</html>
`,
  headers: {
    'Content-Security-Policy':
      `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; form-action ${hasForm ? "'self'" : "'none'"}; ` +
      "base-uri 'none'; frame-ancestors 'none'",
    'Cache-Control': 'no-store',
    'Referrer-Policy': hasForm ? 'same-origin' : 'no-referrer',
    'X-Frame-Options': 'DENY',
  },
});
