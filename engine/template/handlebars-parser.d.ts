// The parser alone: the package's main entry also loads its compiler and runtime, three times the time.
/// <reference types="handlebars" />
declare module "handlebars/dist/cjs/handlebars/compiler/base.js" {
  export function parseWithoutProcessing(input: string): hbs.AST.Program;
}
