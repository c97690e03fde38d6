#!/bin/sh
# How many requests does a GPU hold, by their length, up to a million tokens?
#
#     sh Scenarios/studies/capacity.sh [FOLDER [OPTION OF kvsim sweep …]]
#
# divides the KV pools of several GPUs by contexts of 4,096 to a million tokens, for Qwen2.5-7B-1M in
# three formats; the runs of the sweep are short and serve to divide the memory.
. "$(dirname "$0")/study.inc"

from=../devices/nvidia-h200.json
devices="{profile: $from}"
for device in nvidia-h100-sxm nvidia-a100-80gb-sxm nvidia-l40s; do
  devices="$devices,{derive: {from: $from, device: $device, source: nvidia-h200-sxm}}"
done

study capacity.yaml --vary "device=$devices" --vary workload.arrivals.concurrency=1,2 "$@"
"$kvsim" query "$folder/$name.db" --sql "
  WITH context(tokens) AS (VALUES (4096), (16384), (65536), (131072), (262144), (524288), (1000000))
  SELECT profile.device, context.tokens AS context,
    max(iif(run.format = 'fp16', pool_tokens, 0)) / context.tokens AS fp16,
    max(iif(run.format = 'int4', pool_tokens, 0)) / context.tokens AS int4,
    max(iif(run.format = 'int4-rotated', pool_tokens, 0)) / context.tokens AS int4_rotated
  FROM run JOIN replica_group ON replica_group.run_id = run.id
  JOIN profile ON profile.id = replica_group.profile_id CROSS JOIN context
  GROUP BY profile.device, context.tokens ORDER BY min(point_id), context.tokens"
