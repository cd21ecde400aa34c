#!/bin/sh
# Makes <repository>/.venv with the Python that the tests of this folder talk to. Safe to repeat; of two
# at once the second waits. PYTHON names another interpreter than python3 (3.10 or newer).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
venv="$root/.venv"
wanted=$(cksum < "$here/requirements.txt")

mkdir -p "$root/.cache"
lock="$root/.cache/venv.lock"
waited=0
until mkdir "$lock" 2>/dev/null; do
  waited=$((waited + 1))
  if [ "$waited" -gt 600 ]; then
    echo "another setup holds $lock for ten minutes; remove the folder if none runs" >&2
    exit 1
  fi
  sleep 1
done
trap 'rmdir "$lock"' EXIT INT TERM

if [ "$(cat "$venv/.requirements" 2>/dev/null || true)" = "$wanted" ]; then
  exit 0
fi
rm -rf "$venv"
"${PYTHON:-python3}" -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"
printf '%s\n' "$wanted" > "$venv/.requirements"
