import { cpus } from "node:os";
import { defineConfig } from "vitest/config";

const engine = "engine/compute/duckdb/**/*.test.ts";

// Long proofs, for the night: kills at every step and at random, faults at every call, eight writers.
const long = [
  "tests/conformance/kill-points.test.ts",
  "tests/e2e/s3-hive-{faults,kills}.test.ts",
  "tests/interop/eight-writers.test.ts",
];

// Four suites: `unit` (seconds, part of `npm run check`), `integration` (what any fresh machine can prove: real
// engine, real catalogs, real processes), `services` (servers and other engines, started from packages) and `long`.
export default defineConfig({
  test: {
    // Most tests wait for processes of their own: a worker more than the cores keeps the machine busy.
    maxWorkers: cpus().length + 1,
    projects: [
      {
        test: {
          name: "unit",
          include: ["engine/**/*.test.ts", "tests/*.test.ts"],
          exclude: [engine],
          // Pure code has nothing to be isolated from; loading it once for each worker is half of the time.
          isolate: false,
          testTimeout: 20_000,
        },
      },
      {
        test: {
          name: "integration",
          include: [engine, "tests/conformance/**/*.test.ts", "tests/e2e/**/*.test.ts"],
          exclude: [...long, "tests/e2e/s3-*.test.ts", "tests/conformance/{hive,s3}-*.test.ts"],
          testTimeout: 300_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: "services",
          include: [
            "tests/interop/**/*.test.ts",
            "tests/conformance/**/*.test.ts",
            "tests/e2e/{s3-*,land}.test.ts",
          ],
          exclude: long,
          env: { LAKE_TEST_SERVICES: "1" },
          testTimeout: 600_000,
          hookTimeout: 600_000,
        },
      },
      {
        test: {
          name: "long",
          include: long,
          env: { LAKE_TEST_SERVICES: "1" },
          testTimeout: 3_600_000,
          hookTimeout: 600_000,
        },
      },
    ],
  },
});
