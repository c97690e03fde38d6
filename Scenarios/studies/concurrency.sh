#!/bin/sh
# The study that kvsim was begun for: from how many users on does a 4-bit KV cache pay?
#
#     sh Scenarios/studies/concurrency.sh [FOLDER [OPTION OF kvsim sweep …]]
#
# plays Qwen3-8B with 1 to 256 clients, short prompts (256 tokens) and long ones (16,384) before 1,024
# output tokens each, in FP16, INT4 and rotated INT4; on the H200 as it was measured and on an H100
# derived from it; with the kernels that kvsim brings along and with those that SAW-INT4 published
# (arXiv 2604.19157). 216 runs.
. "$(dirname "$0")/study.inc"

bundled=../devices/nvidia-h200.json
published=../devices/nvidia-h200-saw-int4.json
devices="{profile: $bundled}"
devices="$devices,{derive: {from: $bundled, device: nvidia-h100-sxm}}"
devices="$devices,{profile: $published}"
devices="$devices,{derive: {from: $published, device: nvidia-h100-sxm, source: nvidia-h200-sxm}}"

study concurrency.yaml --vary "device=$devices" --vary workload.prompt_tokens=256,16384 \
  --vary workload.arrivals.concurrency=1..256:x2 "$@"
