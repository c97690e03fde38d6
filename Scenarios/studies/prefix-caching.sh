#!/bin/sh
# Shared prefixes and four bits together: a pool that holds 3.8 times the tokens also keeps 3.8 times
# the prefixes, so that more of each prompt is found.
#
#     sh Scenarios/studies/prefix-caching.sh [FOLDER [OPTION OF kvsim sweep …]]
#
# plays Scenarios/multi-turn.yaml, conversations whose every turn repeats the ones before, with pools of
# 2 to 64 GiB, with prefix caching and without. `kvsim query` on FOLDER/prefix-caching.db tells how much
# was found:
#
#     kvsim query prefix-caching.db --sql "SELECT point_id, format,
#       max(iif(name = 'cached_tokens', value, 0)) / max(iif(name = 'prompt_tokens', value, 0)) AS found
#       FROM run JOIN metric ON run_id = run.id GROUP BY run.id"
#
# and the report, FOLDER/prefix-caching.html, what it came to. KVSIM names another kvsim than the one
# that `make demo` built.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
kvsim=${KVSIM:-$here/../../.build/release/kvsim}
folder=${1:-.}
[ $# -eq 0 ] || shift

command -v "$kvsim" > /dev/null || {
  echo "$0: there is no $kvsim; build it (make demo), or name one with KVSIM=…" >&2
  exit 1
}

"$kvsim" sweep "$here/../multi-turn.yaml" --output "$folder/prefix-caching.db" --charts never \
  --vary engine.enable_prefix_caching=true,false \
  --vary 'engine.kv_cache_memory_bytes=2 GiB..64 GiB:x2' "$@"
"$kvsim" report "$folder/prefix-caching.db" --output "$folder/prefix-caching.html" --force
