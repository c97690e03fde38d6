#!/bin/sh
# A day of real traffic on a fleet whose replicas fail: how many does it take?
#
#     sh Scenarios/studies/day.sh [FOLDER [OPTION OF kvsim sweep …]]
#
# plays requests to a production service as they were recorded, 465,000 of them, on fleets of four to
# seven H100s that serve Qwen3-32B. One fails at nine for ten minutes, another at three for two hours.
# What is shipped is an hour, which comes 24 times. A day of your own in its place, or one out of a
# published trace (BurstGPT's 121 days, a week of Azure's; docs/scenarios.md):
#
#     --vary workload.arrivals.trace=FILE --vary workload.arrivals.start='24 h' \
#     --vary workload.arrivals.end='48 h'
. "$(dirname "$0")/study.inc"

case "$*" in
*workload.arrivals.*) ;;
*) set -- --vary workload.arrivals.repeats=24 "$@" ;;
esac
study day.yaml --vary cluster.replicas=4..7 "$@"
"$kvsim" query "$folder/$name.db" --sql "
  SELECT point_id, sweep_setting.value AS replicas, format,
    max(iif(name = 'good_share', metric.value, NULL)) AS good_share,
    max(iif(name = 'ttft_p99_ns', metric.value, NULL)) / 1e9 AS ttft_p99_s,
    max(iif(name = 'tpot_p99_ns', metric.value, NULL)) / 1e6 AS tpot_p99_ms,
    max(iif(name = 'preemptions', metric.value, NULL)) AS preemptions
  FROM run JOIN metric ON run_id = run.id
  JOIN sweep_setting USING (point_id) WHERE path = 'cluster.replicas'
  GROUP BY run.id ORDER BY point_id, run.id"
