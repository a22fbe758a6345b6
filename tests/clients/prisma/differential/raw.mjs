// Raw SQL with parameters.

/** Types to cast a parameter to, and the type of Prisma's whose values it takes. */
const CASTS = {
  text: 'String', int: 'Int', int8: 'BigInt', float8: 'Float', numeric: 'Decimal', bool: 'Boolean', 'timestamptz(3)': 'DateTime', timestamp: 'DateTime',
  date: 'DateTime', jsonb: 'Json', bytea: 'Bytes', varchar: 'String', 'int[]': 'Int', 'text[]': 'String', 'bool[]': 'Boolean', 'float8[]': 'Float',
};

/** Columns that the reference answers for, whatever is in them. */
const COLUMNS = [
  'int', 'bigint', 'float', 'decimal', 'bool', 'str', 'dt', 'json', 'bytes', 'role', 'uuid', 'smallint', 'real', 'dec102', 'char5', 'varchar10', 'date', 'time',
  'timetz', 'ts', 'tstz', 'inet', 'bit8', 'varbit', 'xml', 'citext', 'jsonplain', 'ints', 'bigints', 'decimals', 'bools', 'strs', 'dts', 'jsons', 'bytesList',
  'uuids', 'dates', 'times', 'tstzs', 'inets',
];

const FAILURES = [
  'SELECT 1/0', 'SELECT * FROM nowhere', 'SELECT nothing FROM "User"', 'SELECT', 'INSERT INTO "User" (email, "updatedAt") VALUES (\'alice@x.io\', now())',
  'SELECT interval \'1 day\'', 'SELECT point(1,2)', 'DELETE FROM "User" WHERE id = 1', 'SELECT \'x\'::int',
];

export class Raw {
  constructor(dice, values) {
    Object.assign(this, { dice, values });
  }

  /** `{ raw, args }`: which of the client's methods to call, and with what. */
  one() {
    const kind = this.dice.weighed({ parameters: 4, columns: 4, write: 3, failure: 2, rows: 2 });
    return this[kind]();
  }

  parameters() {
    const types = Array.from({ length: this.dice.between(1, 4) }, () => this.dice.pick(Object.keys(CASTS)));
    const made = types.map((type) => {
      const one = () => this.values.of(undefined, undefined, CASTS[type]);
      return this.dice.chance(0.1) ? null : type.endsWith('[]') ? Array.from({ length: this.dice.between(1, 3) }, one) : one();
    });
    const sql = types.map((type, at) => `$${at + 1}::${type} AS "c${at + 1}"`).join(', ');
    return { raw: '$queryRawUnsafe', args: [`SELECT ${sql}`, ...made] };
  }

  columns() {
    const columns = this.dice.some(COLUMNS, this.dice.between(1, 6)).map((name) => `"${name}"`);
    const id = this.dice.between(1, 5);
    return { raw: '$queryRawUnsafe', args: [`SELECT ${columns} FROM scalars_tbl WHERE id < $1 ORDER BY id`, id] };
  }

  rows() {
    const sql = 'SELECT u.id, u.email, count(p.*) AS n, max(p."createdAt") AS at FROM "User" u LEFT JOIN "Post" p ON p."authorId" = u.id WHERE u.id <= $1 GROUP BY u.id ORDER BY 1';
    return { raw: '$queryRawUnsafe', args: [sql, this.dice.between(0, 6)] };
  }

  write() {
    const sql = this.dice.pick([
      'UPDATE "Post" SET views = views + $1 WHERE id = $2', 'DELETE FROM "Comment" WHERE id = $2 OR id = $1 + 1000', 'SELECT $1::int, $2::int',
      'UPDATE "User" SET age = $1 WHERE id <= $2', 'INSERT INTO "Category" (name, "parentId") SELECT \'made \' || $1::int, $2::int',
    ]);
    return { raw: '$executeRawUnsafe', args: [sql, this.dice.between(1, 5), this.dice.between(1, 5)] };
  }

  failure() {
    return { raw: this.dice.pick(['$queryRawUnsafe', '$executeRawUnsafe']), args: [this.dice.pick(FAILURES)] };
  }
}
