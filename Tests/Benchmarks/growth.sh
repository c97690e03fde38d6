#!/usr/bin/env bash
# How the time and memory of a run grow with its requests: plays a scenario with half of its
# requests, all, and so on to eight times as many, and prints for each the processor's time and the
# peak memory. Last comes the exponent p of the straight line, in least squares, through
# log(time − time of one request) over log(requests): time grows as their p-th power.
#
#     Tests/Benchmarks/growth.sh .build/release/kvsim Tests/Benchmarks/one-replica.yaml
#
# Each time is the least of five rounds through all numbers, so that a machine that is busy or slow
# for a while does little harm.
set -euo pipefail
kvsim=$1
scenario=$2
requests=$(sed -n 's/^  requests: //p' "$scenario")
# Beside the scenario, whose paths are relative to it.
played=$(mktemp "${scenario%.yaml}-XXXXXX.yaml")
times=$(mktemp)
trap 'rm -f "$played" "$times"' EXIT

for _ in 1 2 3 4 5; do
  for count in 1 $((requests / 2)) "$requests" $((requests * 2)) $((requests * 4)) \
    $((requests * 8)); do
    sed "s/^  requests: .*/  requests: $count/" "$scenario" > "$played"
    command time -f "$count %U %S %M" -a -o "$times" "$kvsim" run "$played" --no-trace > /dev/null
  done
done

awk '
  { time = $2 + $3; if (!($1 in least) || time < least[$1]) least[$1] = time }
  $4 > most[$1] { most[$1] = $4 }
  END { for (count in least) print count, least[count], most[count] / 1000 }' "$times" |
  sort -n | awk '
  NR == 1 { start = $2; next }
  NR == 2 { print "requests  seconds      MB" }
  {
    printf "%8d %8.2f %7.0f\n", $1, $2, $3
    x = log($1); y = log($2 - start)
    n++; sx += x; sy += y; sxx += x * x; sxy += x * y
  }
  END {
    printf "time beyond the %.2f s of one request grows as requests to the power %.3f\n",
      start, (n * sxy - sx * sy) / (n * sxx - sx * sx)
  }'
