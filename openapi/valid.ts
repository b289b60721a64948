/** Whether a document is OpenAPI 3.1 at all. */
import { Validator } from '@seriousme/openapi-schema-validator';
import type { Document } from 'openapi-backend';

/** It compiles the schema of OpenAPI once. */
const validator = new Validator({ strict: false });

/**
 * The problems that keep a document from being OpenAPI 3.1, each with its place. Empty: the document is valid.
 * The service does not repeat the check at each start, because it takes a third of a second.
 */
export async function documentProblems(document: Document): Promise<readonly string[]> {
  if (!/^3\.1\.\d+$/.test(document.openapi)) return [`openapi is ${document.openapi}: only 3.1 is served`];
  const { errors = [] } = await validator.validate(JSON.parse(JSON.stringify(document)));
  if (typeof errors === 'string') return [errors];
  // The deepest finding says most. The others follow from it.
  const deepest = Math.max(...errors.map(({ instancePath }) => instancePath.split('/').length));
  const told = errors.filter(
    ({ instancePath, keyword }) => keyword !== 'if' && instancePath.split('/').length === deepest,
  );
  return [
    ...new Set(
      told.map(({ instancePath, message, params }) => {
        const name = params['additionalProperty'] ?? params['unevaluatedProperty'];
        return `#${instancePath} ${message}${name === undefined ? '' : ` (${name})`}`;
      }),
    ),
  ];
}
