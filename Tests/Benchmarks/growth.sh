#!/usr/bin/env bash
# How the time and memory of a run grow with its requests: plays a scenario with an eighth of its
# requests, a quarter, and so on to four times as many, and prints for each the processor's time and
# the peak memory. Last comes the exponent p of the straight line, in least squares, through
# log(time − time of one request) over log(requests): time grows as their p-th power.
#
#     Tests/Benchmarks/growth.sh .build/release/kvsim Tests/Benchmarks/one-replica.yaml
#
# Each number is the least of five runs, so that a busy machine does little harm.
set -euo pipefail
kvsim=$1
scenario=$2
requests=$(sed -n 's/^  requests: //p' "$scenario")
# Beside the scenario, whose paths are relative to it.
played=$(mktemp "${scenario%.yaml}-XXXXXX.yaml")
times=$(mktemp)
trap 'rm -f "$played" "$times"' EXIT

# play REQUESTS: the least seconds, and the most megabytes.
play() {
  sed "s/^  requests: .*/  requests: $1/" "$scenario" > "$played"
  : > "$times"
  for _ in 1 2 3 4 5; do
    command time -f '%U %S %M' -a -o "$times" "$kvsim" run "$played" --no-trace > /dev/null
  done
  awk '{ t = $1 + $2; if (NR == 1 || t < least) least = t; if ($3 > most) most = $3 }
    END { print least, most / 1000 }' "$times"
}

{
  echo "1 $(play 1)"
  for eighths in 1 2 4 8 16 32; do
    echo "$((requests / 8 * eighths)) $(play $((requests / 8 * eighths)))"
  done
} | awk '
  NR == 1 { start = $2; next }
  NR == 2 { print "requests  seconds      MB" }
  {
    printf "%8d %8.2f %7.0f\n", $1, $2, $3
    x = log($1); y = log($2 - start)
    n++; sx += x; sy += y; sxx += x * x; sxy += x * y
  }
  END {
    p = (n * sxy - sx * sy) / (n * sxx - sx * sx)
    printf "time beyond the %.2f s of one request grows as requests to the power %.3f\n", start, p
  }'
