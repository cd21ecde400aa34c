// The record of tables that move one after another: made when all tests have passed, and from then on whoever
// writes the target next brings it to its end.
import type { StagedRecord } from "../../iceberg/staged-record.ts";
import { toStagedRecord } from "../../iceberg/staged-record.ts";
import type { OrderedUnit } from "./publish-in-order.ts";

export interface PublishingRecord {
  readonly version: 2;
  readonly runId: string;
  readonly command: string;
  readonly units: readonly PublishingUnit[];
}

export interface PublishingUnit {
  readonly node: string;
  readonly reads: readonly string[];
  readonly changes: readonly StagedRecord[];
}

export function toPublishingUnits(units: readonly OrderedUnit[]): PublishingUnit[] {
  return units.map(({ node, reads, changes }) => ({ node, reads, changes: changes.map(toStagedRecord) }));
}
