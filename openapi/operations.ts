/** Makes generated/operations.ts: the facts of each operation, for the compiler. */
import { operationsOf } from './describe.ts';
import type { JsonObject } from './json.ts';
import { securityOf } from './security.ts';

/** The module's text. @throws Error that names the operation */
export function operationsModule(document: JsonObject): string {
  const entries = operationsOf(document).map(({ id, method, path, operation }) => {
    try {
      const { alternatives, isPublic } = securityOf(operation, document);
      const isOptional = alternatives.some((schemes) => schemes.length === 0);
      const facts = { method, path, security: alternatives, role: roleOf(operation), isPublic, isOptional };
      return `  ${JSON.stringify(id)}: ${JSON.stringify(facts)},\n`;
    } catch (error) {
      throw new Error(`${method} ${path} ${error instanceof Error ? error.message : String(error)}`);
    }
  });
  return `// Made by \`npm run generate\` from openapi/. Never edited.\nexport const operations = {\n${entries.join('')}} as const;\n`;
}

/** The role that `x-role` requires, an extension of our overlays. Null: any caller. */
function roleOf({ 'x-role': role = null }: JsonObject): 'admin' | null {
  if (role !== null && role !== 'admin') throw new Error(`has an unknown x-role: ${JSON.stringify(role)}`);
  return role;
}
