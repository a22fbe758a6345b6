// Values for every column: few, so that they meet those of other rows, and among them the edges of each type.

const TEXTS = [
  '', 'a', 'b', 'c', 'x', 'Alice', 'ALICE', 'hello', 'bob text', 'Éve "q" \\ 日本', '100%', 'under_score', "O'Hara", 'NULL', '{}', '{"a":1}', '🐘',
  ' sp ', 'line\nbreak', 'tab\t', '$1', '?', 'back\\slash', 'c1', 'é', 'ß', 'com,ma', 'q"uote',
];
const DATES = [
  '2024-01-01T00:00:00.000Z', '2024-01-02T10:00:00.000Z', '2024-02-29T23:59:59.999Z', '2024-03-04T00:00:00.000Z', '1970-01-01T00:00:00.000Z',
  '1969-12-31T23:59:59.001Z', '0999-12-31T23:59:59.000Z', '0001-01-01T00:00:00.000Z', '9999-12-31T23:59:59.999Z', '2023-12-31T23:00:00.000Z',
];
const TIMES = ['00:00:00.000', '01:02:03.000', '12:34:56.789', '23:59:59.999'].map((time) => `1970-01-01T${time}Z`);
const UUIDS = [
  '11111111-1111-4111-8111-111111111111', '22222222-2222-4222-8222-222222222222', '6f1e1f6c-0a0b-4c0d-8e0f-101112131415',
  '00000000-0000-7000-8000-000000000000',
];
const JSONS = [
  {}, [], 0, 1, -1.5, 1e21, 'text', '', true, false, { k: 1 }, { k: null }, { k: 2, nested: { arr: [1, 2, 3], s: 'x' } }, [1, 'two', null],
  { a: { b: [{ c: 'deep' }] } }, '{"quoted": "json"}', { "it's": 'é 🐘', 'ta"b': '\t' }, [[]], [{}], 12345678901234567890, { n: 1.0 },
];
const BYTES = [[], [0], [1], [1, 2], [255], [0, 127, 128, 255], [92, 120, 48]];
const DECIMALS = ['0', '1', '-1', '1.5', '2', '10.125', '-0.01', '0.1', '1234.50', '99999999.99', '1e3'];
const WIDE_DECIMALS = ['123456789012345678901234567890.123456789', '0.000000000000000000000000000001', '12345678901234567890', '-0.5'];
const INTS = [0, 1, 2, 3, 4, 5, -1, 7, 10, 18, 20, 34, 50, 100];

/** Values of columns that rows are told apart by, and what others refer to; most exist, some do not. */
const KEYS = {
  'User.id': [1, 2, 3, 4, 5, 6, 99],
  'User.email': ['alice@x.io', 'bob@x.io', 'carol@x.io', 'dave@x.io', 'eve@x.io', ...'fghijklm'].map((it) => (it.length > 1 ? it : `${it}@x.io`)),
  'Profile.id': [UUIDS[0], UUIDS[1], UUIDS[2], 'p1', 'p2'],
  'Post.id': [1, 2, 3, 4, 5, 6, 7, 8, 99],
  'Post.title': ['Hello', 'World', 'Draft', 'Bob 1', 'Bob 2', 'Eve 1', 'New', 'Newer', 'Newest'],
  'Category.id': [1, 2, 3, 4, 5, 99],
  'Category.name': ['tech', 'rust', 'db', 'misc', 'new', 'newer', 'newest', 'other'],
  'Comment.id': [1, 2, 3, 4, 5, 6, 99],
  'Team.org': ['acme', 'zen', 'nil'],
  'Team.slug': ['core', 'web', 'nil'],
  'Scalars.id': [1, 2, 3, 4, 5, 6, 99],
  'GenUuid4.id': UUIDS,
  'GenUuid7.id': UUIDS,
  'GenCuid.id': ['c1', 'c2'],
  'GenCuid2.id': ['c1', 'c2'],
  'GenUlid.id': ['u1', 'u2'],
  'GenNano.id': ['n1', 'n2'],
  'GenNano.alt': ['a1', 'a2'],
  'GenDb.id': UUIDS,
  'BigKey.id': [1n, 2n, 9007199254740993n, 9223372036854775807n],
  'BigChild.id': [1, 2, 3, 4, 99],
  'DecKey.id': ['1.5', '2', '10.125', '3.001', '99'],
  'DateKey.id': ['2024-01-01T00:00:00.000Z', '2024-06-01T10:00:00.500Z', '2024-12-31T23:59:59.999Z', '2025-01-01T00:00:00.000Z'],
  'BytesKey.id': [[1, 2], [255], [0]],
  'Strict.id': [1, 2, 3, 99],
  'Strict.short': ['abc', 'ab', '', 'too long'],
  'StrictOwner.id': [1, 2, 3, 99],
  'StrictReq.id': [1, 2, 3, 99],
  'PostStats.authorId': [1, 2, 3, 99],
};

/** Values by the type that a column has in the database, where it is narrower than Prisma's; the last are wrong. */
const NATIVE = {
  SmallInt: [...INTS, -32768, 32767, 40000],
  Oid: [0, 1, 2, 2147483647],
  Real: [0, 1, -1.5, 0.5, 7.25],
  Money: ['0', '1', '-5.25', '1234.50', '0.01'],
  Decimal: ['0', '1', '-0.01', '99999999.99', '12.5', '123456789.5'],
  Char: ['', 'ab', 'abcde', 'toolong'],
  VarChar: ['', 'x', ' sp ', 'varchar', 'much too long'],
  Uuid: [...UUIDS, 'no uuid'],
  Inet: ['10.0.0.1', '::1', '10.0.0.0/8', '1.2.3.4', 'no address'],
  Bit: ['10101010', '00000000', '11111111', '1'],
  VarBit: ['', '1', '101', '2'],
  Xml: ['', '<a>b</a>', '<r/>', '<'],
  Time: TIMES,
  Timetz: TIMES,
};

const TYPES = {
  Int: [...INTS, 2147483647, -2147483648],
  BigInt: [0n, 1n, -1n, 5n, 9007199254740993n, 9223372036854775807n, -9223372036854775808n],
  Float: [0, 1, -1.5, 7.25, 9.5, 1e10, 1.5e-7, 1e300, -0],
  Decimal: [...DECIMALS, ...WIDE_DECIMALS],
  Boolean: [true, false],
  String: TEXTS,
  DateTime: DATES,
  Json: JSONS,
  Bytes: BYTES,
};

/** Makes values for the columns of a client's models. */
export class Values {
  #serial = 100;

  constructor(dice, models, { Prisma }) {
    Object.assign(this, { dice, models, Prisma });
  }

  /** One for a column as a scalar of this type: what a filter compares may have another than the column. */
  of(model, column, type) {
    // What tells the rows apart whose keys are generated.
    if (model?.startsWith('Gen') && column === 'n' && type === 'Int') {
      return this.#serial++;
    }
    const field = this.models.get(model)?.fields.find(({ name }) => name === column);
    const key = KEYS[this.#target(model, column)];
    const [native] = field?.nativeType ?? [];
    const wrong = this.dice.chance(0.9) && ['SmallInt', 'Uuid', 'Inet', 'Char', 'VarChar', 'Bit', 'VarBit', 'Xml', 'Decimal'].includes(native);
    const narrow = wrong ? NATIVE[native].slice(0, -1) : NATIVE[native];
    const same = field?.type === type;
    return this.#made(this.dice.pick((same && (key ?? narrow)) || TYPES[type] || TEXTS), type);
  }

  /** A list of up to three. */
  list(model, column, type) {
    return Array.from({ length: this.dice.below(4) }, () => this.of(model, column, type));
  }

  /** The column that one refers to, or itself. */
  #target(model, column) {
    const relation = this.models.get(model)?.fields.find((it) => it.relationFromFields?.includes(column));
    if (!relation) {
      return `${model}.${column}`;
    }
    const at = relation.relationFromFields.indexOf(column);
    return this.#target(relation.type, relation.relationToFields[at]);
  }

  #made(value, type) {
    switch (type) {
      case 'Decimal':
        return this.dice.chance(0.8) ? new this.Prisma.Decimal(value) : value;
      case 'DateTime':
        return this.dice.chance(0.8) ? new Date(value) : value;
      case 'Bytes':
        return new Uint8Array(value);
      case 'BigInt':
        return typeof value === 'bigint' && this.dice.chance(0.2) && value < 1000n && value > -1000n ? Number(value) : value;
      default:
        return value;
    }
  }
}
