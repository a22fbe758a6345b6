// Any input that a client's schema allows: filters, orders, and data with what is nested in it.

/** How deep objects are nested; below it only what is needed. */
const DEPTH = 5;

/** Of the inputs of relations: how often each is chosen. */
const RARELY = new Set(['AND', 'OR', 'NOT', 'set', 'deleteMany', 'delete', 'disconnect']);

export class Inputs {
  constructor(dice, models, values, prisma) {
    Object.assign(this, { dice, models, values, prisma });
  }

  /** A filter over the rows of a model, or nothing. */
  where(model) {
    return this.dice.chance(0.3) ? undefined : this.object(`${model}WhereInput`, { model, depth: 0 });
  }

  /** An order that leaves no two rows in doubt. */
  orderBy(model, type) {
    const order = Array.from({ length: this.dice.below(3) }, () => this.object(type, { model, depth: 0 }));
    const last = this.models.order(model).map((column) => ({ [column]: this.dice.pick(['asc', 'desc']) }));
    return [...order.filter((it) => Object.keys(it).length > 0), ...last];
  }

  /** What finds one row, or none. */
  unique(model) {
    const columns = this.dice.pick(this.models.uniques(model));
    const entries = columns.map((column) => [column, this.values.of(model, column, this.models.field(model, column).type)]);
    const key = Object.fromEntries(entries);
    return columns.length > 1 ? { [columns.join('_')]: key } : key;
  }

  /** An object of a type of the schema. */
  object(name, at) {
    if (name.endsWith('WhereUniqueInput')) {
      const model = this.models.input(name).fields.length > 0 ? (this.models.input(name).meta?.grouping ?? at.model) : at.model;
      return this.unique(model);
    }
    const { fields, constraints, meta } = this.models.input(name);
    const model = meta?.grouping ?? at.model;
    const here = { ...at, model, depth: at.depth + 1 };
    const chosen = this.#chosen(name, fields, constraints, here);
    return Object.fromEntries(chosen.map((field) => [field.name, this.argument(field, this.#inside(field, here))]));
  }

  /** A value for a field of an input, or an argument of an operation. */
  argument(field, at) {
    const types = field.inputTypes.filter((type) => this.#fits(type, at));
    const type = this.#type(types.length > 0 ? types : field.inputTypes, at);
    if (type.isList) {
      const length = ['AND', 'OR', 'NOT'].includes(field.name) ? 2 : field.name === 'path' ? 1 + this.dice.below(2) : this.dice.below(4);
      return Array.from({ length }, () => this.#value(type, field, at));
    }
    return this.#value(type, field, at);
  }

  #value({ type, location }, field, at) {
    switch (location) {
      case 'inputObjectTypes':
        return this.object(type, at);
      case 'enumTypes':
        return this.#enum(type, at);
      case 'fieldRefTypes':
        return this.#reference(type, at);
      default:
        return type === 'Null' ? null : this.#scalar(type, field, at);
    }
  }

  #scalar(type, { name }, { model, column, nested }) {
    if (name === 'path') {
      return this.dice.pick(['k', 'nested', 's', 'arr', '0', 'a', "it's", 'no']);
    }
    if (name === 'search') {
      return this.dice.pick(['first', 'bob & text', 'bob | eve', '!first', 'hel:*']);
    }
    // A JSON filter compares texts and numbers within.
    return this.values.of(nested ? undefined : model, column, type);
  }

  #enum(type) {
    const { Prisma } = this.values;
    const nulls = { DbNull: Prisma.DbNull, JsonNull: Prisma.JsonNull, AnyNull: Prisma.AnyNull };
    const value = this.dice.pick(this.models.enums.get(type));
    return nulls[value] ?? value;
  }

  /** A column of the same type, to compare with. */
  #reference(type, { model }) {
    const fields = Object.values(this.prisma[lower(model)]?.fields ?? {});
    const wanted = type.replace('FieldRefInput', '');
    const fitting = fields.filter((it) => (it.isList ? `List${it.typeName}` : it.isEnum ? `Enum${it.typeName}` : it.typeName) === wanted);
    return this.dice.pick(fitting.filter((it) => !this.models.isVolatile(model, it.name)));
  }

  /** Whether a type of input can be made here. */
  #fits({ type, location, isList }, { model, depth, update }) {
    if (location === 'fieldRefTypes') {
      return this.dice.chance(0.1) && model !== undefined && this.#reference(type, { model }) !== undefined;
    }
    if (type === 'Null') {
      return this.dice.chance(0.15);
    }
    if (model?.startsWith('Gen') && type === 'IntFieldUpdateOperationsInput') {
      return false;
    }
    if (location === 'inputObjectTypes' && depth > DEPTH) {
      return /Unchecked|Filter|WhereUnique|Operations|SortOrder/.test(type) || isList === false;
    }
    return true;
  }

  #type(types, { depth }) {
    const unchecked = types.filter(({ type }) => type.includes('Unchecked'));
    return depth > DEPTH && unchecked.length > 0 ? this.dice.pick(unchecked) : this.dice.pick(types);
  }

  /** The fields that an object gets. */
  #chosen(name, fields, { maxNumFields, minNumFields }, at) {
    const allowed = fields.filter((field) => field.isRequired || this.#isAllowed(name, field, at));
    const needed = allowed.filter((field) => field.isRequired);
    const optional = allowed.filter((field) => !field.isRequired);
    const least = Math.max((minNumFields ?? 0) - needed.length, 0);
    const most = Math.min((maxNumFields ?? 5) - needed.length, optional.length);
    const some = /Filter$/.test(name) || /WhereInput$/.test(name) ? 1 + this.dice.below(2) : this.dice.below(Math.max(5 - at.depth, 1));
    const number = Math.min(Math.max(some, least, /Update|OrderBy/.test(name) ? 1 : 0), Math.max(most, 0));
    const chosen = this.dice.some(optional, number);
    if (/^Json/.test(name) && name.endsWith('Filter')) {
      return this.#json(chosen, fields);
    }
    return fields.filter((field) => needed.includes(field) || chosen.includes(field));
  }

  /** A filter of JSON compares at a path. */
  #json(chosen, fields) {
    const path = fields.find(({ name }) => name === 'path');
    const within = chosen.some(({ name }) => !['equals', 'not', 'path', 'mode'].includes(name));
    return path && within && !chosen.includes(path) ? [path, ...chosen] : chosen;
  }

  #isAllowed(name, { name: field, inputTypes }, { model, depth }) {
    const column = this.models.field(model, field);
    const nests = inputTypes.some(({ location }) => location === 'inputObjectTypes');
    const relation = column?.kind === 'object' || /^(some|every|none|is|isNot|AND|OR|NOT)$/.test(field);
    if (depth > DEPTH - 1 && (relation || (nests && !column))) {
      return false;
    }
    if (RARELY.has(field) && !name.includes('Operations') && this.dice.chance(0.6)) {
      return false;
    }
    if (name.includes('OrderBy') && column && this.models.isVolatile(model, field)) {
      return false;
    }
    // What others have generated cannot be compared.
    if (/Where|Filter/.test(name) && column && this.models.isOpaque(model, field)) {
      return false;
    }
    // Columns that exist in the database alone, and limits that leave open which rows are meant.
    return field !== 'limit';
  }

  /** Where a field of an object stands: what is below a column is about that column. */
  #inside({ name }, at) {
    const column = this.models.field(at.model, name);
    const json = column?.type === 'Json' || at.nested;
    const relates = column?.kind === 'object';
    return {
      ...at,
      model: at.model,
      column: column && !relates ? name : at.column,
      nested: (json && !relates) || ['_count', '_sum', '_avg'].includes(name),
    };
  }
}

export function lower(name) {
  return name[0].toLowerCase() + name.slice(1);
}
