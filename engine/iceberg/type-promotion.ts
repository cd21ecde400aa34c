// Which types hold another's values, and into which a column may turn.
import { decimalOf } from "./type-text.ts";
import type { IcebergType, PrimitiveType } from "./types.ts";

/** Whether every value of `incoming` is one of `current` without loss. */
export function fits(incoming: IcebergType, current: PrimitiveType): boolean {
  if (incoming === "unknown" || incoming === current) return true;
  if (typeof incoming !== "string") return false;
  const to = decimalOf(current);
  if (to) {
    const from = decimalOf(incoming);
    const whole = to.precision - to.scale;
    if (from) return from.scale <= to.scale && from.precision - from.scale <= whole;
    return (incoming === "int" && whole >= 10) || (incoming === "long" && whole >= 19);
  }
  return (
    (incoming === "int" && (current === "long" || current === "double")) ||
    (incoming === "float" && current === "double")
  );
}

/** The promotions that the specification allows for a table's column. */
export function widens(current: IcebergType, incoming: IcebergType): boolean {
  if (current === "unknown") return true;
  if (current === "int" && incoming === "long") return true;
  if (current === "float" && incoming === "double") return true;
  const [from, to] = [decimalOf(current), decimalOf(incoming)];
  return from !== null && to !== null && from.scale === to.scale && to.precision > from.precision;
}
