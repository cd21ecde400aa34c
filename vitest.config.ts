import { defineConfig } from "vitest/config";

// Three suites: `unit` (seconds, part of `npm run check`), `integration` (what any fresh machine can
// prove: real files, real catalogs, real processes) and `services` (other engines and servers).
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: ["engine/**/*.test.ts", "tests/layers.test.ts"],
          testTimeout: 20_000,
        },
      },
      {
        test: {
          name: "integration",
          include: ["tests/conformance/**/*.test.ts", "tests/e2e/**/*.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: "services",
          include: ["tests/interop/**/*.test.ts"],
          testTimeout: 600_000,
          hookTimeout: 600_000,
        },
      },
    ],
  },
});
