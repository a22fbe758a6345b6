// What a generated schema says of texts and objects beyond Zod's own words. The messages are the API's.

import * as z from "zod";

/** Bounds of a text, both of them included. */
export interface Bounds {
  /** The fewest characters: code points, as the API and its database count them, not UTF-16 units. */
  min?: number;
  /** The most characters. */
  max?: number;
  /** What the whole text has to match. */
  pattern?: RegExp;
  /** What is wrong with a text that does not. */
  otherwise?: string;
}

/** A text within bounds, in well-formed Unicode: half of a surrogate pair cannot be sent. */
export function text(bounds: Bounds): z.ZodString {
  return z.string().check(within(bounds));
}

/** An e-mail address in the form that the API takes: ASCII, unquoted, with a top-level domain. */
export function email(bounds: Bounds): z.ZodEmail {
  return z.email({ pattern: EMAIL, error: "must be an e-mail address such as ada@example.com" }).check(within(bounds));
}

/** One of the values, or another one that a later version of the API has added. */
export function oneOf<const Value extends string>(values: readonly Value[]): z.ZodType<Value | OtherString> {
  return z.union([z.enum(values), z.custom<OtherString>((value) => typeof value === "string")]);
}

/** Any string; unlike `string` in a union, it leaves the other members to the editor's completion. */
export type OtherString = string & Record<never, never>;

/** That at least so many fields have a value; `null` is none. */
export function filled(min: number): z.core.CheckFn<object> {
  return ({ value, issues }) => {
    const names = Object.entries(value).filter(([, field]) => field !== undefined && field !== null);
    if (names.length < min) {
      const message = min === 1 ? "at least one field is required" : `at least ${min} fields are required`;
      issues.push({ code: "custom", input: value, message });
    }
  };
}

// RFC 5321's dot-string, of up to 64 characters, and labels of up to 63 as in host names.
const ATOM = "[a-z0-9!#$%&'*+/=?^_`{|}~-]+";
const LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?";
const EMAIL = new RegExp(`^(?=[^@]{1,64}@)${ATOM}(?:\\.${ATOM})*@${LABEL}(?:\\.${LABEL})+$`, "i");

function within({ min = 0, max = Infinity, pattern, otherwise }: Bounds): z.core.CheckFn<string> {
  return ({ value, issues }) => {
    const fault = (message: string) => issues.push({ code: "custom", input: value, message });
    // Never fewer units than characters, and at most two of them in each.
    const length = value.length <= max && value.length >= 2 * min ? value.length : [...value].length;
    if (/\p{Surrogate}/u.test(value)) {
      fault("must be well-formed Unicode");
    } else if (length > max) {
      fault(`must be at most ${max} characters long, not ${length}`);
    } else if (pattern !== undefined && !pattern.test(value)) {
      fault(otherwise ?? `must match ${pattern.source}`);
    } else if (length < min) {
      fault(`must be at least ${min} characters long`);
    }
  };
}
