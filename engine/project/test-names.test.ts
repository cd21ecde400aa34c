import { expect, test } from "vitest";
import { genericTestName } from "./test-names.ts";

// As dbt itself names the tests of its example project.
test.for([
  ["not_null", "orders", { column_name: "order_id" }, "not_null_orders_order_id"],
  [
    "relationships",
    "orders",
    { column_name: "customer_id", to: "ref('customers')", field: "customer_id" },
    "relationships_orders_customer_id__customer_id__ref_customers_",
  ],
  [
    "accepted_values",
    "stg_payments",
    { column_name: "payment_method", values: ["credit_card", "coupon", "bank_transfer", "gift_card"] },
    "accepted_values_stg_payments_c7909fb19b1f0177c2bf99c7912f06ef",
  ],
  [
    "accepted_range",
    "scores",
    { column_name: "x", inclusive: false, min_value: 0 },
    "accepted_range_scores_x__False__0",
  ],
] as const)("a test %s on %s is called as dbt calls it", ([name, target, values, expected]) => {
  expect(genericTestName(name, target, values)).toBe(expected);
});
