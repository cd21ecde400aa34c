// One of several processes that create the same files: those that it won are printed.
import { isLakeError } from "../../engine/common/errors.ts";
import { storageAdapters } from "./adapters.ts";

const [adapter = "", options = "{}", prefix = "", count = "0", me = ""] = process.argv.slice(2);
const found = storageAdapters.find(({ name }) => name === adapter);
if (found === undefined) throw new Error(`no adapter ${adapter}`);
const storage = await found.open(JSON.parse(options) as Record<string, string>);
const won: number[] = [];
for (let number = 0; number < Number(count); number += 1) {
  try {
    await storage.writeIfAbsent(`${prefix}/${number}`, new TextEncoder().encode(me));
    won.push(number);
  } catch (error) {
    if (!isLakeError(error, "storage/exists")) throw error;
  }
}
process.stdout.write(JSON.stringify(won));
