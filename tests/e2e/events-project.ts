// The project that most of these tests bend: a landing zone, a view over it, an incremental table, one on top.
import type { Files } from "./project.ts";

export const source = (extra = ""): string => `version: 2
sources:
  - name: landing
    tables:
      - name: events
        location: events
${extra}        columns:
          - {name: id, data_type: bigint, required: true}
          - {name: kind, data_type: varchar}
          - {name: happened, data_type: timestamptz}
          - {name: context, data_type: json}
          - {name: props, data_type: json}
          - {name: props.recipe_id, data_type: bigint}
`;

export const eventsProject: Files = {
  "models/sources.yml": source(),
  "models/stg.sql": `{{config materialized="view"}}
select id, kind, happened, context->>'$.page' as page, (props->>'$.recipe_id')::bigint as recipe_id,
  _file as data_source
from {{source "landing" "events"}}
`,
  "models/events.sql": `{{config materialized="incremental" strategy="append"}}
select * from {{ref "stg"}}
`,
  "models/daily.sql": `{{config materialized="table"}}
select kind, count(*) as n from {{ref "events"}} group by 1
`,
};

export const quarantining: Files = {
  ...eventsProject,
  "models/sources.yml": source("        on_bad_record: quarantine\n"),
};

export interface Event {
  readonly id: unknown;
  readonly kind?: string;
  readonly happened?: string;
  readonly context?: unknown;
  readonly props?: unknown;
}

export function lines(...events: readonly Event[]): string {
  return events.map((event) => `${JSON.stringify(event)}\n`).join("");
}

/** `n` good lines with ids from `first`. */
export function goodLines(n: number, first = 1): string {
  return lines(
    ...Array.from({ length: n }, (_, index) => ({
      id: first + index,
      kind: "view",
      props: { recipe_id: "7" },
    })),
  );
}
