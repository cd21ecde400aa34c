// Tables that PyIceberg wrote, or took files of others into, hold the same rows for lake.
import { runPython, whyNoPyiceberg } from "../pyiceberg.ts";
import { corpusTests } from "./corpus-tests.ts";
import { makeCorpus } from "./corpus.ts";
import { lostRows } from "./predicates.ts";

await corpusTests(
  "what PyIceberg wrote",
  await whyNoPyiceberg(),
  () => makeCorpus("pyiceberg_tables.py", runPython),
  { "no condition loses a row of a partitioned table": lostRows },
);
