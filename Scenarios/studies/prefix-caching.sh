#!/bin/sh
# Shared prefixes and four bits together: a pool that holds 3.8 times the tokens also keeps 3.8 times
# the prefixes, so that more of each prompt is found.
#
#     sh Scenarios/studies/prefix-caching.sh [FOLDER [OPTION OF kvsim sweep …]]
#
# plays Scenarios/multi-turn.yaml, conversations whose every turn repeats the ones before, with pools of
# 2 to 64 GiB, with prefix caching and without. How much was found, the database tells:
#
#     kvsim query prefix-caching.db --sql "SELECT point_id, format,
#       max(iif(name = 'cached_tokens', value, 0)) / max(iif(name = 'prompt_tokens', value, 0)) AS found
#       FROM run JOIN metric ON run_id = run.id GROUP BY run.id
#       ORDER BY point_id, run.id"
. "$(dirname "$0")/study.inc"

study ../multi-turn.yaml --vary engine.enable_prefix_caching=true,false \
  --vary 'engine.kv_cache_memory_bytes=2 GiB..64 GiB:x2' "$@"
