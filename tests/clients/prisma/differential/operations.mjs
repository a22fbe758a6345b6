// Operations as an application writes them: reads, writes, and transactions of several.

import { lower } from './inputs.mjs';

/** How often each is called. */
const READS = {
  findMany: 30, findFirst: 8, findFirstOrThrow: 3, findUnique: 12, findUniqueOrThrow: 3, aggregate: 8, count: 4, groupBy: 8,
};
const WRITES = {
  create: 10, createMany: 3, createManyAndReturn: 3, update: 10, updateMany: 3, updateManyAndReturn: 3, upsert: 6, delete: 4, deleteMany: 2,
};
const MODELS = {
  User: 12, Post: 12, Profile: 3, Category: 5, Comment: 4, Team: 3, Membership: 4, Scalars: 14, BigKey: 2, BigChild: 2, DecKey: 2, DateKey: 2,
  BytesKey: 2, Strict: 3, StrictOwner: 2, StrictReq: 2, GenUuid4: 1, GenUuid7: 1, GenCuid: 1, GenCuid2: 1, GenUlid: 1, GenNano: 1, GenDb: 1,
  PostStats: 1,
};
const AGGREGATES = ['_count', '_sum', '_avg', '_min', '_max'];
const ISOLATION = ['ReadUncommitted', 'ReadCommitted', 'RepeatableRead', 'Serializable'];

/** How the schema calls the operations of a model. */
const root = (action, model) => {
  const names = {
    create: `createOne${model}`, update: `updateOne${model}`, upsert: `upsertOne${model}`, delete: `deleteOne${model}`,
    createManyAndReturn: `createMany${model}AndReturn`, updateManyAndReturn: `updateMany${model}AndReturn`,
    findFirstOrThrow: `findFirst${model}OrThrow`, findUniqueOrThrow: `findUnique${model}OrThrow`, count: `aggregate${model}`,
  };
  return names[action] ?? `${action}${model}`;
};

export class Operations {
  constructor(dice, models, inputs, raw) {
    Object.assign(this, { dice, models, inputs, raw });
  }

  /** A read or a write of one model: `{ model, action, args }`, or one in SQL. */
  one(share = 0.4) {
    if (this.dice.chance(0.07)) {
      return this.raw.one();
    }
    const writes = this.dice.chance(share);
    const model = this.dice.weighed(MODELS);
    const action = this.dice.weighed(writes && !this.models.views.has(model) ? WRITES : READS);
    if (/updateMany/.test(action) && model.startsWith('Gen')) {
      return this.one(share);
    }
    return { model: lower(model), action, args: defined(this[action](model, root(action, model))) };
  }

  /** A read that is to be cached: `{ cached }`. */
  cached() {
    const model = this.dice.weighed(MODELS);
    const action = this.dice.weighed(READS);
    return { cached: { model: lower(model), action, args: defined(this[action](model, root(action, model))) } };
  }

  /** Several together: `{ batch }` for a list, `{ at once }`, or `{ steps }` of a function that may throw in the end. */
  several() {
    const kind = this.dice.pick(['batch', 'steps', 'steps', 'nested', 'tick']);
    if (kind === 'tick') {
      const { model, args } = this.#found(this.dice.weighed(MODELS));
      const others = Array.from({ length: this.dice.between(1, 4) }, () => this.#found(capital(model)).args.where);
      return { tick: [args, ...others.map((where) => ({ ...args, where }))].map((it) => ({ model, action: 'findUnique', args: it })) };
    }
    const list = Array.from({ length: this.dice.between(1, 4) }, () => this.one(0.6));
    const isolationLevel = this.dice.chance(0.3) ? this.dice.pick(ISOLATION) : undefined;
    const throws = this.dice.chance(0.3);
    return { [kind]: list, options: defined({ isolationLevel }), throws, catches: this.dice.chance(0.5) };
  }

  #found(model) {
    return { model: lower(model), args: defined(this.findUnique(model, `findUnique${model}`)) };
  }

  findMany(model, root) {
    const args = this.models.args(root);
    const { dice } = this;
    return {
      where: this.inputs.where(model),
      orderBy: this.inputs.orderBy(model, args.get('orderBy').inputTypes[0].type),
      cursor: dice.chance(0.15) ? this.inputs.unique(model) : undefined,
      take: dice.chance(0.4) ? dice.between(-3, 5) : undefined,
      skip: dice.chance(0.3) ? dice.between(0, 3) : undefined,
      distinct: this.#distinct(model),
      relationLoadStrategy: this.#strategy(args),
      ...this.selection(model, args.get('orderBy').inputTypes[0].type),
    };
  }

  findFirst(model, root) {
    return this.findMany(model, root);
  }

  findFirstOrThrow(model, root) {
    return this.findMany(model, root);
  }

  findUnique(model, root) {
    const where = this.inputs.unique(model);
    const further = this.dice.chance(0.1) ? this.inputs.where(model) : undefined;
    const order = this.models.args(`findMany${model}`).get('orderBy').inputTypes[0].type;
    return { where: { ...further, ...where }, relationLoadStrategy: this.#strategy(this.models.args(root)), ...this.selection(model, order) };
  }

  findUniqueOrThrow(model, root) {
    return this.findUnique(model, root);
  }

  count(model) {
    const { where, cursor, take, skip, orderBy } = this.findMany(model, `findMany${model}`);
    const columns = this.dice.some(this.models.aggregated(model, '_count'), 2);
    const select = this.dice.chance(0.3) ? Object.fromEntries(columns.map((it) => [it, true])) : undefined;
    return { where, cursor, take, skip, orderBy, select };
  }

  aggregate(model) {
    const { where, cursor, take, skip, orderBy } = this.findMany(model, `findMany${model}`);
    return { where, cursor, take, skip, orderBy, ...this.#aggregates(model) };
  }

  groupBy(model, root) {
    const by = this.dice.some(this.#comparable(model), this.dice.between(1, 2));
    // Of a list, the client's compiler would panic.
    const having = this.dice.chance(0.3) && !this.models.field(model, by[0]).isList ? this.#having(model, by) : undefined;
    const chosen = by.map((column) => ({ [column]: this.dice.pick(['asc', 'desc']) }));
    const counted = this.dice.chance(0.3) ? [{ _count: { [by[0]]: this.dice.pick(['asc', 'desc']) } }] : [];
    return {
      by,
      where: this.inputs.where(model),
      orderBy: [...counted, ...chosen],
      having,
      take: this.dice.chance(0.3) ? this.dice.between(-2, 4) : undefined,
      skip: this.dice.chance(0.2) ? this.dice.below(3) : undefined,
      ...this.#aggregates(model),
    };
  }

  create(model, root) {
    return { data: this.#data(model, root, 'data'), ...this.#selected(model) };
  }

  createMany(model, root) {
    const data = Array.from({ length: this.dice.between(1, 4) }, () => this.#data(model, root, 'data'));
    return { data, skipDuplicates: this.dice.chance(0.3) ? true : undefined };
  }

  createManyAndReturn(model, root) {
    return { ...this.createMany(model, root), ...this.#flat(model) };
  }

  update(model, root) {
    return { where: this.inputs.unique(model), data: this.#data(model, root, 'data'), ...this.#selected(model) };
  }

  updateMany(model, root) {
    return { where: this.inputs.where(model), data: this.#data(model, root, 'data') };
  }

  updateManyAndReturn(model, root) {
    return { ...this.updateMany(model, root), ...this.#flat(model) };
  }

  upsert(model, root) {
    const where = this.inputs.unique(model);
    const create = this.#data(model, root, 'create');
    // As it is mostly written: what is not found is made.
    const same = this.dice.chance(0.6) ? (Object.keys(where)[0].includes('_') ? Object.values(where)[0] : where) : {};
    const known = Object.fromEntries(Object.entries(same).filter(([column]) => column in create));
    return { where, create: { ...create, ...known }, update: this.#data(model, root, 'update'), ...this.#selected(model) };
  }

  delete(model) {
    return { where: this.inputs.unique(model), ...this.#selected(model) };
  }

  deleteMany(model) {
    return { where: this.inputs.object(`${model}WhereInput`, { model, depth: 0 }) };
  }

  /** What is asked for of a model: its columns, some of them, and its relations. */
  selection(model, orderType, depth = 0) {
    const { dice } = this;
    const kind = dice.weighed({ all: 4, include: depth > 2 ? 0 : 4, select: 3, omit: this.models.scalars(model).length > 3 ? 1 : 0 });
    if (kind === 'all') {
      return {};
    }
    if (kind === 'omit') {
      return { omit: Object.fromEntries(dice.some(this.models.scalars(model), 2).map(({ name }) => [name, true])) };
    }
    const related = depth > 2 ? [] : dice.some(this.models.relations(model), dice.between(kind === 'include' ? 1 : 0, 2));
    const entries = related.map((field) => [field.name, this.#related(field, orderType, model, depth)]);
    if (this.models.relations(model).some(({ isList }) => isList) && dice.chance(0.2)) {
      entries.push(['_count', this.#counted(model)]);
    }
    if (kind === 'select') {
      const columns = dice.some(this.models.scalars(model), dice.between(1, 4));
      entries.unshift(...columns.map(({ name }) => [name, true]));
    }
    return entries.length === 0 ? {} : { [kind]: Object.fromEntries(entries) };
  }

  #related({ type, isList }, orderType, model, depth) {
    const order = orderType.replace(model, type);
    const inner = this.selection(type, order, depth + 1);
    if (!isList) {
      return Object.keys(inner).length > 0 ? inner : true;
    }
    const { dice } = this;
    return defined({
      where: dice.chance(0.3) ? this.inputs.where(type) : undefined,
      orderBy: this.inputs.orderBy(type, order),
      take: dice.chance(0.25) ? dice.between(-2, 3) : undefined,
      skip: dice.chance(0.2) ? dice.below(2) : undefined,
      cursor: dice.chance(0.08) ? this.inputs.unique(type) : undefined,
      distinct: dice.chance(0.1) ? this.#distinct(type) : undefined,
      ...inner,
    });
  }

  #counted(model) {
    const lists = this.dice.some(this.models.relations(model).filter(({ isList }) => isList), 2);
    const one = ({ type }) => (this.dice.chance(0.4) ? defined({ where: this.inputs.where(type) }) : true);
    return this.dice.chance(0.3) ? true : { select: Object.fromEntries(lists.map((field) => [field.name, one(field)])) };
  }

  #selected(model) {
    return this.dice.chance(0.5) ? this.selection(model, this.models.args(`findMany${model}`).get('orderBy').inputTypes[0].type, 1) : {};
  }

  /** Of several rows, columns alone. */
  #flat(model) {
    const columns = this.dice.some(this.models.scalars(model), 4).map(({ name }) => [name, true]);
    return this.dice.chance(0.4) ? { select: Object.fromEntries(columns) } : {};
  }

  #data(model, root, name) {
    const types = this.models.args(root).get(name).inputTypes;
    return this.inputs.object(this.dice.pick(types).type, { model, depth: 0 });
  }

  #distinct(model) {
    const columns = this.dice.some(this.#comparable(model), this.dice.between(1, 2));
    return this.dice.chance(0.12) ? columns : undefined;
  }

  #comparable(model) {
    return this.models.scalars(model).map(({ name }) => name).filter((name) => !this.models.isVolatile(model, name));
  }

  #aggregates(model) {
    const kinds = this.dice.some(AGGREGATES, this.dice.between(1, 3)).map((kind) => {
      const columns = this.dice.some(this.models.aggregated(model, kind), this.dice.between(1, 3));
      return [kind, kind === '_count' && this.dice.chance(0.4) ? true : Object.fromEntries(columns.map((it) => [it, true]))];
    });
    return Object.fromEntries(kinds.filter(([, columns]) => columns === true || Object.keys(columns).length > 0));
  }

  #having(model, by) {
    const type = this.models.input(`${model}ScalarWhereWithAggregatesInput`);
    const field = type.fields.find(({ name }) => name === by[0]);
    const [{ type: filter }] = field.inputTypes;
    return { [by[0]]: this.inputs.object(filter, { model, column: by[0], depth: 3 }) };
  }

  #strategy(args) {
    return args.has('relationLoadStrategy') && this.dice.chance(0.8) ? this.dice.pick(['join', 'query']) : undefined;
  }
}

/** The same without what is undefined. */
function defined(object) {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
}

function capital(name) {
  return name[0].toUpperCase() + name.slice(1);
}
