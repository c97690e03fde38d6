#!/bin/sh
# Prompts on some GPUs, decodes on others: how fast has the network to be, by the KV cache's format?
#
#     sh Scenarios/studies/disaggregated.sh [FOLDER [OPTION OF kvsim sweep …]]
#
# plays Scenarios/disaggregated.yaml with links of 1 to 64 GB/s for each replica. In four bits a
# prompt's cache is 3.8 times smaller, and so is what it waits for. Leaves FOLDER/disaggregated.db and
# the report, FOLDER/disaggregated.html. KVSIM names another kvsim than the one that `make demo` built.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
kvsim=${KVSIM:-$here/../../.build/release/kvsim}
folder=${1:-.}
[ $# -eq 0 ] || shift

command -v "$kvsim" > /dev/null || {
  echo "$0: there is no $kvsim; build it (make demo), or name one with KVSIM=…" >&2
  exit 1
}

"$kvsim" sweep "$here/../disaggregated.yaml" --output "$folder/disaggregated.db" --charts never \
  --vary 'cluster.kv_transfer.bandwidth=1 GB/s..64 GB/s:x2' "$@"
"$kvsim" report "$folder/disaggregated.db" --output "$folder/disaggregated.html" --force
