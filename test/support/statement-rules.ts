/** What Citus asks of a statement over distributed tables, read from the tree of PostgreSQL's own parser. */
import { parse } from 'libpg-query';

type Node = Readonly<Record<string, unknown>>;

const isNode = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

/** The node inside its wrapper `{ Kind: node }`; undefined: it is of another kind. */
function unwrap(kind: string, value: unknown): Node | undefined {
  const inner = isNode(value) ? value[kind] : undefined;
  return isNode(inner) ? inner : undefined;
}

/** Every wrapped node below, by kind. */
function* nodesIn(value: unknown): Generator<readonly [kind: string, node: Node]> {
  for (const part of Array.isArray(value) ? value : isNode(value) ? Object.entries(value) : []) {
    const [key, inner] = Array.isArray(value) ? ['', part] : part;
    if (/^[A-Z]/.test(textOf(key)) && isNode(inner)) yield [textOf(key), inner];
    yield* nodesIn(inner);
  }
}

const has = (value: unknown, ...kinds: string[]): boolean =>
  [...nodesIn(value)].some(([kind]) => kinds.includes(kind));
const namesOf = (fields: unknown): readonly string[] =>
  listOf(fields).map((field) => textOf(unwrap('String', field)?.['sval']));
const callsOf = (value: unknown): readonly string[] =>
  [...nodesIn(value)].flatMap(([kind, node]) =>
    kind === 'FuncCall' ? namesOf(node['funcname']).slice(-1) : [],
  );
const castsTo = (value: unknown): readonly string[] =>
  [...nodesIn(value)].flatMap(([kind, node]) =>
    kind === 'TypeCast' && isNode(node['typeName']) ? namesOf(node['typeName']['names']).slice(-1) : [],
  );
const isOf = (kinds: readonly string[]) => (pair: readonly [string, Node]) => kinds.includes(pair[0]);
const isIntervalOf = (node: Node): boolean =>
  /^[+-]$/.test(namesOf(node['name']).join()) &&
  has(node, 'ColumnRef') &&
  (callsOf(node).includes('make_interval') || castsTo(node).includes('interval'));

const MODIFYING = ['InsertStmt', 'UpdateStmt', 'DeleteStmt'];

/** Forms that Citus refuses, each with a predicate over the nodes of a statement. */
const REFUSED: readonly (readonly [
  form: string,
  isIn: (nodes: readonly (readonly [string, Node])[]) => boolean,
])[] = [
  [
    'FOR UPDATE in a CTE',
    (nodes) =>
      nodes
        .filter(isOf(['CommonTableExpr']))
        .some(([, cte]) => [...nodesIn(cte)].some(([, node]) => node['lockingClause'] !== undefined)),
  ],
  [
    'EXISTS without a column',
    (nodes) =>
      nodes
        .filter(isOf(['SubLink']))
        .some(
          ([, node]) =>
            node['subLinkType'] === 'EXISTS_SUBLINK' &&
            unwrap('SelectStmt', node['subselect'])?.['targetList'] === undefined,
        ),
  ],
  [
    'now() or a sub-select inside COALESCE or CASE',
    (nodes) =>
      nodes
        .filter(isOf(['CoalesceExpr', 'CaseExpr']))
        .some(([, node]) => callsOf(node).includes('now') || has(node, 'SubLink')),
  ],
  [
    'an unqualified RETURNING in INSERT ... SELECT',
    (nodes) =>
      nodes
        .filter(isOf(['InsertStmt']))
        .filter(([, node]) => unwrap('SelectStmt', node['selectStmt'])?.['valuesLists'] === undefined)
        .some(([, node]) =>
          [...nodesIn(node['returningClause'])].some(
            ([kind, column]) => kind === 'ColumnRef' && listOf(column['fields']).length === 1,
          ),
        ),
  ],
  [
    'now() in RETURNING',
    (nodes) =>
      nodes.filter(isOf(MODIFYING)).some(([, node]) => callsOf(node['returningClause']).includes('now')),
  ],
  [
    'an interval added to a column in an UPDATE',
    (nodes) =>
      nodes
        .filter(isOf(['UpdateStmt']))
        .some(([, { targetList, whereClause }]) =>
          [...nodesIn([targetList, whereClause])].some(
            ([kind, node]) => kind === 'A_Expr' && isIntervalOf(node),
          ),
        ),
  ],
  [
    'a notification from a statement over tables, which another node would send',
    (nodes) =>
      nodes.some(([kind]) => kind === 'RangeVar') &&
      callsOf(nodes.map(([, node]) => node)).includes('pg_notify'),
  ],
];

/** A part of a statement with a FROM of its own. Pinned: compared with a parameter, or with a pinned one. */
interface Scope {
  readonly ctes: ReadonlySet<string>;
  readonly pinned: ReadonlySet<string>;
}

/** The relations of FROM by alias, the conditions of its joins, and its sub-selects. */
function readFrom(items: readonly unknown[]) {
  const relations = new Map<string, string>();
  const conditions: unknown[] = [];
  const subselects: unknown[] = [];
  const read = (item: unknown): void => {
    const join = unwrap('JoinExpr', item);
    const relation = unwrap('RangeVar', item);
    const subselect = unwrap('RangeSubselect', item);
    if (relation !== undefined) relations.set(aliasOf(relation), textOf(relation['relname']));
    if (subselect !== undefined) subselects.push(subselect['subquery']);
    if (join === undefined) return;
    read(join['larg']);
    read(join['rarg']);
    conditions.push(join['quals']);
  };
  items.forEach(read);
  return { relations, conditions, subselects };
}

const aliasOf = (relation: Node): string =>
  textOf(isNode(relation['alias']) ? relation['alias']['aliasname'] : relation['relname']);

function conjuncts(condition: unknown): readonly unknown[] {
  const bool = unwrap('BoolExpr', condition);
  return bool?.['boolop'] === 'AND_EXPR' ? listOf(bool['args']).flatMap(conjuncts) : [condition];
}

/** The alias of a column organization_id; empty: it stands alone. Undefined: another expression. */
function organizationOf(expression: unknown): string | undefined {
  const fields = namesOf(unwrap('ColumnRef', expression)?.['fields']);
  return fields.at(-1) === 'organization_id' ? (fields.at(-2) ?? '') : undefined;
}

function isParameter(expression: unknown): boolean {
  const cast = unwrap('TypeCast', expression);
  return unwrap('ParamRef', cast?.['arg'] ?? expression) !== undefined;
}

/** The relations whose rows are of organizations that the statement binds. */
function pin(
  relations: ReadonlyMap<string, string>,
  conditions: readonly unknown[],
  outer: ReadonlySet<string>,
) {
  const pinned = new Set(outer);
  const only = relations.size === 1 ? [...relations.keys()][0] : undefined;
  const equalities = conditions.flatMap(conjuncts).flatMap((condition) => {
    const expression = unwrap('A_Expr', condition);
    if (expression === undefined || namesOf(expression['name']).join() !== '=') return [];
    const { lexpr, rexpr } = expression;
    return [
      { left: organizationOf(lexpr) || only, isOfLeft: organizationOf(lexpr) !== undefined, lexpr, rexpr },
    ];
  });
  for (let before = -1; before !== pinned.size; ) {
    before = pinned.size;
    for (const { left, isOfLeft, rexpr } of equalities) {
      if (!isOfLeft || left === undefined) continue;
      const right = organizationOf(rexpr);
      if (isParameter(rexpr) || (right !== undefined && pinned.has(right))) pinned.add(left);
      else if (right !== undefined && right !== '' && pinned.has(left)) pinned.add(right);
    }
  }
  return pinned;
}

/** The distributed tables of a query, its CTEs and sub-selects that no condition binds to organizations. */
function unpinned(
  query: unknown,
  isDistributed: (table: string) => boolean,
  outer: Scope,
): readonly string[] {
  const [kind = '', node] = isNode(query) ? (Object.entries(query)[0] ?? []) : [];
  if (!isNode(node)) return [];
  const withClause = isNode(node['withClause']) ? listOf(node['withClause']['ctes']) : [];
  const ctes = withClause.flatMap((cte): readonly Node[] => [unwrap('CommonTableExpr', cte) ?? {}]);
  const names = new Set([...outer.ctes, ...ctes.map((cte) => textOf(cte['ctename']))]);
  const target = isNode(node['relation']) ? { RangeVar: node['relation'] } : undefined;
  const isInsert = kind === 'InsertStmt';
  const from = readFrom([
    ...(target === undefined || isInsert ? [] : [target]),
    ...listOf(node['fromClause']),
    ...listOf(node['usingClause']),
  ]);
  const pinned = pin(from.relations, [...from.conditions, node['whereClause']], outer.pinned);
  const scope = { ctes: names, pinned };
  const own = [...from.relations]
    .filter(([alias, table]) => isDistributed(table) && !names.has(table) && !pinned.has(alias))
    .map(([, table]) => table);
  const isOwned = !isInsert || JSON.stringify(node['cols']).includes('"organization_id"');
  const inserted =
    isDistributed(textOf(unwrap('RangeVar', target)?.['relname'])) && !isOwned ? ['of INSERT'] : [];
  const arms = [node['larg'], node['rarg']].filter(isNode).map((SelectStmt) => ({ SelectStmt }));
  const sublinks = [node['whereClause'], node['targetList'], ...from.conditions].flatMap((part) =>
    [...nodesIn(part)].flatMap(([inner, link]) => (inner === 'SubLink' ? [link['subselect']] : [])),
  );
  const inner = [
    ...ctes.map((cte) => cte['ctequery']),
    ...from.subselects,
    node['selectStmt'],
    ...arms,
    ...sublinks,
  ];
  return [...own, ...inserted, ...inner.flatMap((part) => unpinned(part, isDistributed, scope))];
}

/**
 * Whether an INSERT ... SELECT takes the organization from a distributed table. Else Citus hands what the SELECT reads to
 * every node, and the statement fails while one of them is down.
 */
function takesOrganizationFromTable(insert: Node, isDistributed: (table: string) => boolean): boolean {
  const select = unwrap('SelectStmt', insert['selectStmt']) ?? {};
  const columns = listOf(insert['cols']).map((column) => textOf(unwrap('ResTarget', column)?.['name']));
  const target = listOf(select['targetList'])[columns.indexOf('organization_id')];
  const alias = organizationOf(unwrap('ResTarget', target)?.['val']);
  const { relations } = readFrom(listOf(select['fromClause']));
  return isDistributed(relations.get(alias ?? '') ?? '');
}

/** The distributed tables into which the statement inserts rows that every node gets. */
const scattered = (
  nodes: readonly (readonly [string, Node])[],
  isDistributed: (table: string) => boolean,
): readonly string[] =>
  nodes
    .filter(isOf(['InsertStmt']))
    .filter(([, node]) => {
      const select = unwrap('SelectStmt', node['selectStmt']);
      return select?.['valuesLists'] === undefined && !takesOrganizationFromTable(node, isDistributed);
    })
    .map(([, node]) => textOf(isNode(node['relation']) ? node['relation']['relname'] : undefined))
    .filter(isDistributed);

export interface Judgement {
  /** Forms that Citus refuses. */
  readonly refused: readonly string[];
  /** Distributed tables into which it inserts rows that Citus hands to every node first. */
  readonly scattered: readonly string[];
  /** Distributed tables of which the statement reads or writes all shards. */
  readonly unpinned: readonly string[];
}

/** @param isDistributed whether the rows of a table lie on the nodes of their organizations */
export async function judge(sql: string, isDistributed: (table: string) => boolean): Promise<Judgement> {
  const { stmts } = await parse(sql);
  const nodes = [...nodesIn(stmts)];
  return {
    refused: REFUSED.filter(([, isIn]) => isIn(nodes)).map(([form]) => form),
    scattered: scattered(nodes, isDistributed),
    unpinned: (stmts ?? []).flatMap(({ stmt }) =>
      unpinned(stmt, isDistributed, { ctes: new Set(), pinned: new Set() }),
    ),
  };
}
