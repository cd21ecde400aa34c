import { userInfo } from "node:os";

/** Who runs this, for the table's history: `LAKE_USER`, the actor of a CI job, or the account. */
export function whoRuns(env: Readonly<Record<string, string | undefined>>): string {
  const named = ["LAKE_USER", "GITHUB_ACTOR", "GITLAB_USER_LOGIN", "USER", "LOGNAME", "USERNAME"]
    .map((key) => env[key]?.trim() ?? "")
    .find((value) => value !== "");
  if (named !== undefined) return named;
  try {
    return userInfo().username;
  } catch {
    // An account without an entry (a container that runs as a bare number).
    return "unknown";
  }
}
