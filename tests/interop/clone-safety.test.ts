// A clone and its original while other engines clean up either: PyIceberg expires the original's snapshots and
// deletes whatever of its folder it does not reach, lake expires with deletion, and the clone is purged.
import { expect, test } from "vitest";
import { eventsProject, goodLines } from "../e2e/events-project.ts";
import { environments, filesBelow, makeProject } from "../e2e/project.ts";
import type { TestProject } from "../e2e/project.ts";
import { update } from "../e2e/foreign.ts";
import { describeWith } from "../services/skip.ts";
import { runPython, whyNoPyiceberg } from "./pyiceberg.ts";

const opened = `
import json, os, sys
from datetime import datetime, timedelta
from pyiceberg.catalog.sql import SqlCatalog
catalog = SqlCatalog("lake", uri=sys.argv[1])
`;
const expireAndClean = `${opened}
table = catalog.load_table("lakehouse.events")
table.maintenance.expire_snapshots().older_than(datetime.now() + timedelta(days=1)).commit()
table = catalog.load_table("lakehouse.events")
reached = {table.metadata_location} | {entry.metadata_file for entry in table.metadata.metadata_log}
for snapshot in table.metadata.snapshots:
    reached.add(snapshot.manifest_list)
    for manifest in snapshot.manifests(table.io):
        reached.add(manifest.manifest_path)
        reached |= {entry.data_file.file_path for entry in manifest.fetch_manifest_entry(table.io)}
reached = {path.removeprefix("file://") for path in reached}
orphans = [os.path.join(folder, name) for folder, _, names in os.walk(table.location().removeprefix("file://"))
           for name in names if os.path.join(folder, name) not in reached]
for path in orphans:
    os.remove(path)
print(json.dumps([len(table.metadata.snapshots), len(orphans)]))
`;
const idsOf = `${opened}
print(json.dumps(sorted(catalog.load_table(sys.argv[2]).scan().to_arrow()["id"].to_pylist())))
`;

const ids = async (here: TestProject, target: string): Promise<unknown[]> =>
  (await here.query(`select id from {{ref "events"}} order by id`, target)).flat();

describeWith(await whyNoPyiceberg(), "a clone beside other engines", () => {
  test("outlives the expiry and the orphan cleaning of its original, and is read by all until its base ends", async () => {
    using here = makeProject({
      ...eventsProject,
      "profiles.yml": environments,
      "landing-zone/events/f1.jsonl": goodLines(3),
    });
    const uri = `sqlite:///${here.root}/lake.db`;
    expect((await here.run({ target: "prod" })).success).toBe(true);
    here.write({ "landing-zone/events/f2.jsonl": goodLines(2, 4) });
    expect((await here.run({ target: "pr_42" })).success).toBe(true);
    // From here on only the base holds the file that both share, and the table's own default would end it.
    expect((await here.run({ target: "prod", fullRefresh: true })).success).toBe(true);
    await update(here, "events", [
      { action: "set-properties", updates: { "history.expire.max-ref-age-ms": "1" } },
    ]);
    const [left] = (await runPython(expireAndClean, [uri])) as number[];
    expect(left).toBe(2);
    expect((await here.cli("expire-snapshots", "-s", "events", "--older-than", "0s")).code).toBe(0);
    expect(await ids(here, "pr_42")).toEqual([1, 2, 3, 4, 5]);
    expect(await runPython(idsOf, [uri, "pr_42.events"])).toEqual([1, 2, 3, 4, 5]);
    expect(await ids(here, "prod")).toEqual([1, 2, 3, 4, 5]);
    // Nothing of lake deletes for the clone.
    const files = filesBelow(`${here.root}/warehouse`);
    const refused = await here.cli("expire-snapshots", "-t", "pr_42", "-s", "events", "--older-than", "0s");
    expect([refused.code, refused.stdout + refused.stderr]).toEqual([
      1,
      expect.stringMatching(/gc\.enabled/),
    ]);
    expect(filesBelow(`${here.root}/warehouse`)).toEqual(files);
    expect((await here.cli("env", "drop", "pr_42", "--yes")).code).toBe(0);
    expect(await runPython(idsOf, [uri, "lakehouse.events"])).toEqual([1, 2, 3, 4, 5]);
    expect(filesBelow(`${here.root}/warehouse/lakehouse.db`)).toEqual(
      files.flatMap((file) => (file.startsWith("lakehouse.db/") ? [file.slice("lakehouse.db/".length)] : [])),
    );
  });
});
