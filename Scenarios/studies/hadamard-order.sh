#!/bin/sh
# How does the order of the Hadamard blocks trade quality against time?
#
#     sh Scenarios/studies/hadamard-order.sh [FOLDER [OPTION OF kvsim accuracy …]]
#
# measures what rotations of order 16 to 128 leave of keys that have outlier channels, and what they
# add to the time of decode, prefill and append, formats in turn. It takes some 20 seconds of a
# machine that should do nothing else. DEVICE=vulkan sh … times a graphics processor. A model's own
# keys and values in place of generated ones: --keys FILE --values FILE (docs/accuracy.md); 256 is
# tried too where --head-dim 256 is.
. "$(dirname "$0")/study.inc"

# As many KV heads as Qwen3-8B has, each with outlier channels of its own.
[ $# -gt 0 ] || set -- --kv-heads 8
"$kvsim" accuracy --device "${DEVICE:-cpu}" "$@" > "$folder/$name.txt"
cat "$folder/$name.txt"
