// What a client's models and operations look like, as its generator knows them.

/** What differs from one database to the other by nature: it is neither sorted by nor grouped by. */
const GENERATORS = ['uuid', 'cuid', 'ulid', 'nanoid', 'dbgenerated', 'now'];

/** Whose keys are generated, and what tells their rows apart instead. */
const TOLD_APART_BY = { Profile: 'userId', ...Object.fromEntries(['Uuid4', 'Uuid7', 'Cuid', 'Cuid2', 'Ulid', 'Nano', 'Db'].map((it) => [`Gen${it}`, 'n'])) };

export class Models {
  #inputs;
  #outputs;
  #roots = new Map();

  constructor({ datamodel, schema }) {
    this.list = datamodel.models;
    this.views = new Set(['PostStats']);
    this.enums = new Map(datamodel.enums.map(({ name, values }) => [name, values.map((it) => it.name)]));
    for (const { name, values } of [...(schema.enumTypes.prisma ?? []), ...(schema.enumTypes.model ?? [])]) {
      this.enums.set(name, values.map((it) => it.key ?? it));
    }
    this.#inputs = byName(schema.inputObjectTypes.prisma);
    this.#outputs = byName(schema.outputObjectTypes.prisma);
    for (const { fields } of schema.outputObjectTypes.prisma.filter(({ name }) => ['Query', 'Mutation'].includes(name))) {
      fields.forEach((field) => this.#roots.set(field.name, field));
    }
  }

  get(name) {
    return this.list.find((model) => model.name === name);
  }

  field(model, name) {
    return this.get(model)?.fields.find((field) => field.name === name);
  }

  input(name) {
    return this.#inputs.get(name);
  }

  /** The fields that an aggregate of a model has, such as `_sum`. */
  aggregated(model, name) {
    const suffix = { _sum: 'Sum', _avg: 'Avg', _min: 'Min', _max: 'Max', _count: 'Count' }[name];
    const fields = this.#outputs.get(`${model}${suffix}AggregateOutputType`)?.fields ?? [];
    return fields.map((field) => field.name).filter((field) => !this.isVolatile(model, field) || name === '_count');
  }

  /** The arguments of an operation, such as `findManyUser`, by name. */
  args(root) {
    return byName(this.#roots.get(root)?.args ?? []);
  }

  scalars(model) {
    return this.get(model).fields.filter(({ kind }) => kind === 'scalar' || kind === 'enum');
  }

  relations(model) {
    return this.get(model).fields.filter(({ kind }) => kind === 'object');
  }

  /** Whether the values of a column may be made by a generator or a clock. */
  isVolatile(model, column) {
    const field = this.field(model, column);
    return field?.isUpdatedAt === true || GENERATORS.includes(field?.default?.name);
  }

  /** Whether these are no texts or numbers that one could compare. */
  isOpaque(model, column) {
    return this.isVolatile(model, column) && this.field(model, column).type !== 'DateTime';
  }

  /** The columns that sort all rows of a model in one way alone. */
  order(model) {
    if (TOLD_APART_BY[model]) {
      return [TOLD_APART_BY[model]];
    }
    const { primaryKey, fields } = this.get(model);
    return primaryKey?.fields ?? [fields.find(({ isId, isUnique }) => isId || isUnique).name];
  }

  /** What single rows of a model are found by: lists of columns. */
  uniques(model) {
    const { primaryKey, uniqueFields, fields } = this.get(model);
    const single = fields.filter(({ isId, isUnique }) => isId || isUnique).map(({ name }) => [name]);
    return [...single, ...(primaryKey ? [primaryKey.fields] : []), ...uniqueFields];
  }
}

function byName(list) {
  return new Map(list.map((it) => [it.name, it]));
}
