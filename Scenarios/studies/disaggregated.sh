#!/bin/sh
# Prompts on some GPUs, decodes on others: how fast has the network to be, by the KV cache's format?
#
#     sh Scenarios/studies/disaggregated.sh [FOLDER [OPTION OF kvsim sweep …]]
#
# plays Scenarios/disaggregated.yaml with links of 1 to 64 GB/s for each replica. In four bits a
# prompt's cache is 3.8 times smaller, and so is what it waits for.
. "$(dirname "$0")/study.inc"

study ../disaggregated.yaml --vary 'cluster.kv_transfer.bandwidth=1 GB/s..64 GB/s:x2' "$@"
