// A snapshot's SQL: what differs between the rows of its statement and the versions that still hold.
import { quoteIdentifier } from "../../common/sql.ts";
import type { Column } from "../../compute/compute.ts";
import { relationName } from "../../compute/compute.ts";
import type { SnapshotConfig } from "../../project/types.ts";

/** The statement's columns and those of the history, for binding: names and types, and all that can be wrong.
 *  `known` are the columns of the history as it is: a moment of ours is written as its times are. */
export function historyColumnsSql(snapshot: SnapshotConfig, rows: string, known: readonly Column[]): string {
  const { columns, hardDeletes, updatedAt, validToCurrent } = snapshot;
  const timeType = known.find(({ name }) => name === columns.validFrom)?.type;
  const now = timeType === undefined ? "now()" : `cast(now() as ${timeType})`;
  const since = updatedAt === undefined ? now : quoteIdentifier(updatedAt);
  const own = [
    `'' as ${quoteIdentifier(columns.scdId)}`,
    ...[columns.updatedAt, columns.validFrom, columns.validTo].map(
      (column) => `${since} as ${quoteIdentifier(column)}`,
    ),
    ...(hardDeletes === "new_record" ? [`'' as ${quoteIdentifier(columns.isDeleted)}`] : []),
  ];
  const bindsEnd = validToCurrent === undefined ? "" : ` where (${validToCurrent}) is null or true`;
  return `select *, ${own.join(", ")} from ${relationName(rows)}${bindsEnd}`;
}

/** Relations that the SQL of a snapshot reads. */
export const relations = {
  /** Files that may hold versions that still hold. */
  newest: "lake@newest",
  /** All files of the history. */
  history: "lake@history",
  current: "lake@current",
  ended: "lake@ended",
  compared: "lake@compared",
  closing: "lake@closing",
  fresh: "lake@fresh",
} as const;

export interface SnapshotSqlOptions {
  readonly snapshot: SnapshotConfig;
  readonly keys: readonly string[];
  /** Relation of the statement's rows, with all columns of the history. */
  readonly rows: string;
  /** Every column of the table, in order. */
  readonly tableColumns: readonly string[];
  /** Columns that make a new version when they differ (`check`). */
  readonly compared: readonly string[];
  /** The engine's type of the history's times. */
  readonly timeType: string;
}

/** The pieces of SQL, each a SELECT. */
export class SnapshotSql {
  readonly #options: SnapshotSqlOptions;

  constructor(options: SnapshotSqlOptions) {
    this.#options = options;
  }

  /** Whether a version of the history, under this alias, still holds. */
  isCurrent(alias: string): string {
    const to = this.#column(alias, this.#options.snapshot.columns.validTo);
    const end = this.#endOfCurrent();
    return end === "null" ? `${to} is null` : `(${to} is null or ${to} = ${end})`;
  }

  /** `a` and `b` are versions or rows of one key. */
  sameKey(a: string, b: string): string {
    return this.#options.keys.map((key) => `${this.#column(a, key)} = ${this.#column(b, key)}`).join(" and ");
  }

  current(): string {
    return `select * from ${relationName(relations.newest)} as t where ${this.isCurrent("t")}`;
  }

  /** When the last version of each key ended, of keys that have a row and no version that holds. */
  ended(): string {
    const { keys, rows, snapshot } = this.#options;
    const list = keys.map((key) => this.#column("t", key)).join(", ");
    const to = this.#column("t", snapshot.columns.validTo);
    return `select ${list}, max(${to}) as "lake@end" from ${relationName(relations.history)} as t
where exists (select 1 from ${relationName(rows)} as s where ${this.sameKey("s", "t")}) group by ${list}`;
  }

  /** Rows that begin a version, with the time that it begins at; `lake@ends` where it ends another one. */
  compared(): string {
    const { rows } = this.#options;
    const key = this.#options.keys[0] as string;
    return `select s.*, ${this.#column("c", key)} is not null as "lake@ends", ${this.#begin()} as "lake@from"
from ${relationName(rows)} as s
left join ${relationName(relations.current)} as c on ${this.sameKey("s", "c")}
left join ${relationName(relations.ended)} as e on ${this.sameKey("s", "e")}
where ${this.#column("c", key)} is null or ${this.#isDeleted("c")} or ${this.#differs()}`;
  }

  /** Keys of versions that end, and when. */
  closing(): string {
    const { keys, rows, snapshot } = this.#options;
    const list = (alias: string): string => keys.map((key) => this.#column(alias, key)).join(", ");
    const changed = `select ${list("v")}, v."lake@from" as "lake@until" from ${relationName(relations.compared)} as v where v."lake@ends"`;
    if (snapshot.hardDeletes === "ignore") return changed;
    return `${changed}
union all
select ${list("c")}, ${this.#deletedAt()} from ${relationName(relations.current)} as c
where ${this.#isGone(rows)}`;
  }

  /** New versions, under the table's columns. */
  fresh(): string {
    const { rows, snapshot } = this.#options;
    const versions = `select ${this.#version({
      alias: "v",
      from: `v."lake@from"`,
      updatedAt: this.#since("v"),
      deleted: "False",
    })} from ${relationName(relations.compared)} as v`;
    if (snapshot.hardDeletes !== "new_record") return versions;
    const record = this.#version({
      alias: "c",
      from: this.#deletedAt(),
      updatedAt: this.#deletedAt(),
      deleted: "True",
    });
    return `${versions}
union all
select ${record} from ${relationName(relations.current)} as c
where ${this.#isGone(rows)}`;
  }

  /** The rows of the touched files, ended where they end. */
  rewritten(touched: string): string {
    const { tableColumns, snapshot } = this.#options;
    const list = tableColumns.map((column) =>
      column === snapshot.columns.validTo
        ? `coalesce(k."lake@until", ${this.#column("t", column)}) as ${quoteIdentifier(column)}`
        : this.#column("t", column),
    );
    return `select ${list.join(", ")} from ${relationName(touched)} as t
left join ${relationName(relations.closing)} as k on ${this.sameKey("k", "t")} and ${this.isCurrent("t")}`;
  }

  #version(parts: { alias: string; from: string; updatedAt: string; deleted: string }): string {
    const { tableColumns, snapshot, keys } = this.#options;
    const { alias, from } = parts;
    const { columns } = snapshot;
    const id = [...keys.map((key) => this.#column(alias, key)), from].map(
      (value) => `coalesce(cast(${value} as varchar), '')`,
    );
    const own: Readonly<Record<string, string>> = {
      [columns.scdId]: `md5(${id.join(" || '|' || ")})`,
      [columns.updatedAt]: parts.updatedAt,
      [columns.validFrom]: from,
      [columns.validTo]: this.#endOfCurrent(),
      [columns.isDeleted]: `'${parts.deleted}'`,
    };
    return tableColumns
      .map((column) => `${own[column] ?? this.#column(alias, column)} as ${quoteIdentifier(column)}`)
      .join(", ");
  }

  /** A version begins when its row says so, but never within a time that is told already. */
  #begin(): string {
    const since = this.#since("s");
    const begun = this.#column("c", this.#options.snapshot.columns.validFrom);
    const told = `coalesce(${begun}, e."lake@end")`;
    return `case when ${told} is null or ${since} > ${told} then ${since} else greatest(${this.#now()}, ${told}) end`;
  }

  #since(alias: string): string {
    const { updatedAt } = this.#options.snapshot;
    return updatedAt === undefined ? this.#now() : this.#column(alias, updatedAt);
  }

  #differs(): string {
    const { snapshot, compared } = this.#options;
    if (snapshot.strategy === "timestamp") {
      const known = this.#column("c", snapshot.columns.updatedAt);
      return `(${known} is null or ${this.#since("s")} > ${known})`;
    }
    const pairs = compared.map(
      (column) => `${this.#column("s", column)} is distinct from ${this.#column("c", column)}`,
    );
    return `(${pairs.join(" or ")})`;
  }

  /** Versions that say that the row was gone. */
  #isDeleted(alias: string): string {
    const { columns, hardDeletes } = this.#options.snapshot;
    if (hardDeletes !== "new_record") return "false";
    return `coalesce(${this.#column(alias, columns.isDeleted)}, 'False') = 'True'`;
  }

  #isGone(rows: string): string {
    const exists = `exists (select 1 from ${relationName(rows)} as s where ${this.sameKey("s", "c")})`;
    return `not ${exists} and not ${this.#isDeleted("c")}`;
  }

  #deletedAt(): string {
    return `greatest(${this.#now()}, ${this.#column("c", this.#options.snapshot.columns.validFrom)})`;
  }

  #endOfCurrent(): string {
    const { snapshot, timeType } = this.#options;
    const { validToCurrent } = snapshot;
    return validToCurrent === undefined ? "null" : `cast((${validToCurrent}) as ${timeType})`;
  }

  #now(): string {
    return `cast(now() as ${this.#options.timeType})`;
  }

  #column(alias: string, column: string): string {
    return `${alias}.${quoteIdentifier(column)}`;
  }
}
