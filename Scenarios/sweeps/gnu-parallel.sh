#!/usr/bin/env bash
# Runs a sweep over several hosts with GNU parallel: hosts take share after share of the points, and
# the shares are put together at the end.
#
#     cd /shared/my-study                        # a folder that all hosts see under this name
#     SWEEP_HOSTS=big1,big2 …/gnu-parallel.sh SCENARIO --vary PATH=VALUES … [--plan-file FILE]
#
# The arguments are those of `kvsim sweep`. What comes of it: NAME.db, and NAME-shares/ with the
# shares and GNU parallel's log of them. Hosts need ssh without a password, perl, this file and
# kvsim, all under the same paths.
#
# When a host dies, its share goes on elsewhere with the points that are missing. After an
# interruption, or where a share failed on every host, the same command goes on: it runs what
# failed or was not begun, and no point twice.
#
# Settings, by the environment:
#   SWEEP_HOSTS    hosts by ssh, user@host or an alias of ~/.ssh/config, parted by commas, or a file
#                  with one a line; `:` is this one, and the default
#   SWEEP_SHARES   shares; by default 64: many more than hosts, so that all end at about one time
#   SWEEP_JOBS     shares at a time on a host; 1 by default, as kvsim uses all cores
#   SWEEP_THREADS  threads of a share; by default as many as its host has cores
#   SWEEP_RETRIES  how often a share is tried in all, on other hosts if there are; 4 by default
#   SWEEP_NAME     NAME of the results; by default the scenario's file and -sweep
#   SWEEP_WAIT     seconds that a share waits for a process of a lost host that still holds it;
#                  600 by default
#   KVSIM          the program; by default kvsim on the path, or .build/release/kvsim
#   PARALLEL_SSH   how hosts are spoken to; by default ssh that finds a silent host dead in 30 s
set -euo pipefail

say() { echo "gnu-parallel: $*" >&2; }
fail() {
  say "error: $1"
  exit "${2:-64}"
}

find_kvsim() {
  KVSIM=${KVSIM:-$(command -v kvsim || echo .build/release/kvsim)}
  command -v "$KVSIM" >/dev/null \
    || fail "there is no program $KVSIM on $HOSTNAME: set KVSIM to where kvsim is on all hosts"
  KVSIM=$(realpath "$(command -v "$KVSIM")")
}

whole_number() { [[ $2 =~ ^[1-9][0-9]*$ ]] || fail "$1 is a whole number from 1, not $2"; }

# The scenario is the first argument: results are named after it, and options come behind it.
read_arguments() {
  [[ $# -gt 0 && $1 != -* ]] || fail "name a scenario, then --vary PATH=VALUES or --plan-file FILE"
  [[ -f $1 ]] || fail "there is no scenario $1 in $PWD on $HOSTNAME"
  local argument
  for argument; do
    case $argument in
      -o | --output* | --shard* | --threads* | --force | --dry-run)
        fail "$argument is not for here: SWEEP_NAME, SWEEP_SHARES and SWEEP_THREADS say this, and \
to begin anew remove NAME.db and NAME-shares" ;;
    esac
  done
  local file=${1##*/}
  name=${SWEEP_NAME:-${file%.*}-sweep}
  shares=${SWEEP_SHARES:-64}
  whole_number SWEEP_SHARES "$shares"
  folder=$name-shares
  result=$name.db
}

# One share, on the host that GNU parallel chose.
run_share() {
  local share=$1 status end=$((SECONDS + ${SWEEP_WAIT:-600}))
  shift
  local file=$folder/$share-of-$shares.db
  local command=("$KVSIM" sweep "$@" --shard "$share/$shares" -o "$file")
  mkdir -p "$folder"
  [[ -z ${SWEEP_THREADS:-} ]] || command+=(--threads "$SWEEP_THREADS")
  while true; do
    status=0
    "${command[@]}" >/dev/null || status=$?
    # 75: another process has the share, such as one whose host could no longer be reached. A file
    # server gives a dead host's locks back in a minute or two.
    [[ $status == 75 ]] || break
    ((SECONDS < end)) || fail "$file is still held: end the kvsim that writes it, or wait" 75
    sleep 5
  done
  # Points that fail are results, too: the share is whole.
  if [[ $status == 1 && -f $file ]]; then status=0; fi
  return "$status"
}

# A line of shell for each share, quoted: none of it means anything to GNU parallel.
share_commands() {
  local script share
  script=$(realpath "$0")
  for ((share = 1; share <= shares; share++)); do
    printf '%q ' env KVSIM="$KVSIM" SWEEP_NAME="$name" SWEEP_SHARES="$shares" \
      SWEEP_THREADS="${SWEEP_THREADS:-}" SWEEP_WAIT="${SWEEP_WAIT:-600}" \
      bash "$script" share "$share" "$@"
    echo
  done
}

run_shares() {
  local jobs=${SWEEP_JOBS:-1} retries=${SWEEP_RETRIES:-4} status=0
  local hosts=(--sshlogin "${SWEEP_HOSTS:-:}")
  whole_number SWEEP_JOBS "$jobs"
  whole_number SWEEP_RETRIES "$retries"
  if [[ -f ${SWEEP_HOSTS:-} ]]; then hosts=(--sshloginfile "$SWEEP_HOSTS"); fi
  export PARALLEL_SSH=${PARALLEL_SSH:-ssh -o BatchMode=yes -o ConnectTimeout=10 \
-o ServerAliveInterval=10 -o ServerAliveCountMax=3}
  share_commands "$@" | parallel "${hosts[@]}" --workdir "$PWD" --jobs "$jobs" \
    --retries "$retries" --joblog "$log" --resume-failed || status=$?
  ((status == 0)) || fail "shares failed: $log has their exit codes. Mend what was said above, and \
give the same command again: it runs what is missing" 1
}

# What an earlier command left has to be of the very same sweep, and its log to be true: where a
# share has gone, or its failed points are to be tried again, all are looked at.
check_left() {
  local files=("$folder"/*-of-"$shares".db) number share
  if [[ -f ${files[0]} ]]; then
    number=${files[0]##*/} number=${number%%-*}
    "$KVSIM" sweep "${arguments[@]}" --shard "$number/$shares" -o "${files[0]}" >/dev/null \
      2>&1 || [[ $? == 1 ]] || fail "$folder is of another sweep: remove it, or set SWEEP_NAME" 65
  fi
  [[ -f $log ]] || return 0
  awk -F'\t' '$7 == 0 { print $1 }' "$log" | while read -r share; do
    [[ -f $folder/$share-of-$shares.db ]] || rm -f "$log"
  done
  if ((${#arguments[@]} < $#)); then rm -f "$log"; fi
}

find_kvsim
if [[ ${1:-} == share ]]; then
  share=${2:?the number of a share}
  shift 2
  read_arguments "$@"
  run_share "$share" "$@"
  exit
fi
read_arguments "$@"
command -v parallel >/dev/null || fail "GNU parallel is missing: apt-get install parallel"
[[ ! -e $result ]] || fail "$result is there already: remove it, or set SWEEP_NAME"
"$KVSIM" sweep "$@" --dry-run >/dev/null
# Failed points are tried again in the shares alone, and not once more in what is made of them.
arguments=()
for argument; do [[ $argument == --retry-failed ]] || arguments+=("$argument"); done
log=$folder/log-of-$shares.txt
mkdir -p "$folder"
check_left "$@"
run_shares "$@"
"$KVSIM" merge "$folder"/*-of-"$shares".db -o "$result"
exec "$KVSIM" sweep "${arguments[@]}" -o "$result"
