// The generic tests that need no macro, with the arguments they take.
export interface BuiltinTest {
  readonly required: readonly string[];
  readonly optional: readonly string[];
  /** Whether it looks at a column: by where it stands, or by `column_name`. */
  readonly column: "needed" | "possible" | "none";
}

export const builtinTestArguments: Readonly<Record<string, BuiltinTest>> = {
  not_null: { required: [], optional: [], column: "needed" },
  unique: { required: [], optional: [], column: "needed" },
  accepted_values: { required: ["values"], optional: ["quote"], column: "needed" },
  relationships: { required: ["to", "field"], optional: [], column: "needed" },
  expression_is_true: { required: ["expression"], optional: [], column: "possible" },
  unique_combination_of_columns: { required: ["combination_of_columns"], optional: [], column: "none" },
  accepted_range: { required: [], optional: ["min_value", "max_value", "inclusive"], column: "needed" },
  row_count_between: { required: [], optional: ["min_value", "max_value"], column: "none" },
  recency: { required: ["datepart", "interval"], optional: ["field"], column: "possible" },
  regex: { required: ["pattern"], optional: [], column: "needed" },
};
