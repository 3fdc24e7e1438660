#!/bin/sh
# Enqueues one job for Jobspool and prints its id: the request is written to tmp/ and renamed into incoming/.
# usage: jobspool-submit.sh [-p PRIORITY 1..10] [-d DELAY-SECONDS] [-s] '{"class":"ExampleJob","method":"execute","params":["Hello"]}'
# -s syncs, so that the job survives a power cut once its id is printed. The spool is $JOBSPOOL_DIR, else ./var/spool.
set -eu

priority=5 delay=0 sync=:
while getopts p:d:s option; do
  case $option in
    p) priority=$OPTARG ;;
    d) delay=$OPTARG ;;
    s) sync=sync ;;
    *) sed -n 's/^# usage: /usage: /p' "$0" >&2; exit 2 ;;
  esac
done
shift $((OPTIND - 1))
[ $# -eq 1 ] || { sed -n 's/^# usage: /usage: /p' "$0" >&2; exit 2; }

spool=${JOBSPOOL_DIR:-./var/spool}
[ -d "$spool/incoming" ] || { echo "submit a job: expected a spool in $spool, found none; start the service once, or set JOBSPOOL_DIR" >&2; exit 2; }

# Epoch seconds are cut off, not rounded: one more keeps the promise that a job never runs before its time.
run_at=now
[ "$delay" -eq 0 ] || run_at=$(($(date +%s) + delay + 1))
id=$(date -u +%Y%m%dT%H%M%SZ)-$(od -An -N6 -tx1 /dev/urandom | tr -d ' \n')

draft=$spool/tmp/$id.json
printf '%s\n' "$1" > "$draft"
$sync "$draft"
mv "$draft" "$spool/incoming/p$priority-$run_at-$id.json"
$sync "$spool/incoming"
echo "$id"
