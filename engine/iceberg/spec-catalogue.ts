// What a scan needs to know of each of a table's partition specs.
import { lakeError } from "../common/errors.ts";
import type { BoundPredicate } from "./bound-predicate.ts";
import { fieldsById } from "./field-ids.ts";
import { projectInclusive } from "./projection.ts";
import { parseTransform } from "./transform.ts";
import type { DataFile, PartitionSpec, Schema, TableMetadata, Value } from "./types.ts";
import { promoteValue } from "./values.ts";

type Constants = ReadonlyMap<number, (file: DataFile) => Value>;

/** What depends on a partition spec, worked out once for each. */
export class SpecCatalogue {
  private readonly specs: ReadonlyMap<number, PartitionSpec>;
  private readonly filters = new Map<number, BoundPredicate>();
  private readonly identities = new Map<number, Constants>();
  private readonly schema: Schema;
  private readonly bound: BoundPredicate;

  constructor(metadata: TableMetadata, schema: Schema, bound: BoundPredicate) {
    this.specs = new Map(metadata["partition-specs"].map((spec) => [spec["spec-id"], spec]));
    this.schema = schema;
    this.bound = bound;
  }

  spec(id: number, path: string): PartitionSpec {
    const spec = this.specs.get(id);
    if (!spec) throw lakeError("iceberg/unknown-spec", { spec: id, path });
    return spec;
  }

  filter(id: number, path: string): BoundPredicate {
    let filter = this.filters.get(id);
    if (!filter) {
      filter = projectInclusive(this.bound, this.spec(id, path), this.schema);
      this.filters.set(id, filter);
    }
    return filter;
  }

  /** Identity partition values by column, for files that were written without those columns. */
  constants({ specId, path }: DataFile): Constants {
    let identities = this.identities.get(specId);
    if (!identities) {
      const byId = fieldsById(this.schema);
      identities = new Map(
        this.spec(specId, path).fields.flatMap((field, index) => {
          const type = byId.get(field["source-id"])?.field.type;
          if (type === undefined || parseTransform(field.transform).kind !== "identity") return [];
          const valueOf = (file: DataFile): Value => promoteValue(type, file.partition[index] ?? null);
          return [[field["source-id"], valueOf] as const];
        }),
      );
      this.identities.set(specId, identities);
    }
    return identities;
  }
}
