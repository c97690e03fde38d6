#!/usr/bin/env bash
# What the engine's loop allocates: plays a scenario with all of its requests and with twice as
# many, step by step, counts the allocations of each and prints how many a further request takes.
#
#     Tests/Benchmarks/allocations.sh .build/release/kvsim Tests/Benchmarks/one-replica.yaml
set -euo pipefail
kvsim=$1
scenario=$2
folder=$(dirname "$0")
requests=$(sed -n 's/^  requests: //p' "$scenario")
# Beside the scenario, whose paths are relative to it.
played=$(mktemp "${scenario%.yaml}-XXXXXX.yaml")
counter=$(mktemp --suffix .so)
trap 'rm -f "$played" "$counter"' EXIT
"${CLANG:-clang}" -O2 -shared -fPIC -o "$counter" "$folder/allocations.c"

for count in "$requests" $((requests * 2)); do
  sed "s/^  requests: .*/  requests: $count/" "$scenario" > "$played"
  found=$(LD_PRELOAD=$counter "$kvsim" run "$played" --no-trace --exact-steps 2>&1 > /dev/null |
    sed -n 's/ allocations$//p')
  echo "$count requests: $found allocations"
  before=${last:-}
  last=$found
done
awk "BEGIN { printf \"%.4f allocations a further request\n\", ($last - $before) / $requests }"
