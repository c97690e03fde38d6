#!/bin/sh
# Real traffic on a fleet of which a replica fails: how many replicas keep the objectives?
#
#     sh Scenarios/studies/fleet.sh [FOLDER [OPTION OF kvsim sweep …]]
#
# plays an hour of requests to a production service (Scenarios/traces) in a quarter of the time, 22 a
# second, on one to six H200s, the first of which fails for three minutes. A longer trace of your own:
# `--vary workload.arrivals.trace=FILE`. How many requests got what they wanted:
#
#     kvsim query fleet.db --sql "SELECT point_id + 1 AS replicas, format, value AS good_share
#       FROM run JOIN metric ON run_id = run.id WHERE name = 'good_share'
#       ORDER BY point_id, run.id"
. "$(dirname "$0")/study.inc"

study fleet.yaml --vary cluster.replicas=1..6 "$@"
