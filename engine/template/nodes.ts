// A parsed template: what the walk needs of Handlebars' tree, with offsets into the text and with the
// white space already decided.
import type { Json } from "../common/json.ts";
import type { LineTable } from "./line-table.ts";

export interface Template {
  readonly file: string;
  readonly text: string;
  readonly lines: LineTable;
  readonly body: readonly TemplateNode[];
  /** `{{args …}}`, if it declares any. */
  readonly declaration: ArgumentsNode | null;
  /** First names of the paths it reads from outside: the arguments of a macro that declares none. */
  readonly freeNames: ReadonlySet<string>;
}

/** A half-open range of the template's text. */
interface Span {
  readonly start: number;
  readonly end: number;
}

export type TemplateNode =
  | TextNode
  | PrintNode
  | IfNode
  | EachNode
  | MacroNode
  | PartialBlockNode
  | ArgumentsNode;

/** Printed as it stands between the offsets. */
interface TextNode extends Span {
  readonly kind: "text";
}
export interface PrintNode extends Span {
  readonly kind: "print";
  readonly expression: Expression;
}
export interface IfNode extends Span {
  readonly kind: "if";
  /** `#unless`. */
  readonly negated: boolean;
  readonly condition: Expression;
  readonly body: readonly TemplateNode[];
  readonly otherwise: readonly TemplateNode[];
}
export interface EachNode extends Span {
  readonly kind: "each";
  readonly over: Expression;
  readonly parameters: readonly string[];
  readonly body: readonly TemplateNode[];
  readonly otherwise: readonly TemplateNode[];
}
export interface MacroNode extends Span {
  readonly kind: "macro";
  readonly name: string;
  readonly arguments: readonly Argument[];
  /** `{{#> name}}…{{/name}}`: what `{{> @partial-block}}` prints. */
  readonly block: readonly TemplateNode[] | null;
}
export interface PartialBlockNode extends Span {
  readonly kind: "partial-block";
}
export interface ArgumentsNode extends Span {
  readonly kind: "args";
  readonly required: readonly string[];
  readonly optional: readonly Argument[];
}

export interface Argument {
  readonly name: string;
  readonly value: Expression;
  readonly start: number;
}

export type Expression = LiteralExpression | PathExpression | CallExpression;

interface LiteralExpression extends Span {
  readonly kind: "literal";
  readonly value: Json;
}
export interface PathExpression extends Span {
  readonly kind: "path";
  /** Empty for `this`; without the leading `this` when `fromThis`. */
  readonly parts: readonly string[];
  readonly fromThis: boolean;
  /** `@index` and its like. */
  readonly data: boolean;
}
export interface CallExpression extends Span {
  readonly kind: "call";
  readonly name: string;
  readonly parameters: readonly Expression[];
  readonly hash: readonly Argument[];
}
