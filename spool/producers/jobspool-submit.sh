#!/bin/sh
# Enqueues one job for Jobspool and prints its id. Once that is printed the job is acknowledged: not even a power cut loses it.
#
# usage: jobspool-submit.sh [--priority 1..10] [--delay SECONDS | --at 2026-11-22T10:15:00Z] [--retries N] [--id ID]
# usage:                    [--traceparent T] [--tracestate S] CLASS [METHOD [PARAMS-AS-JSON]]
# usage: jobspool-submit.sh [-p PRIORITY] [-d SECONDS] '{"class":"ExampleJob","method":"execute","params":["Hello"]}'
#
# METHOD is "handle" and PARAMS-AS-JSON [] when left out. The spool is $JOBSPOOL_DIR, else ./var/spool. Exit codes: 0 enqueued, 2 wrong
# arguments or no spool, 1 the spool cannot be written. Needs a `sync` that takes files (GNU, busybox); one that does not syncs everything.
set -eu
export LC_ALL=C
# The service, of the spool's group, may read the file, and nobody else change it.
umask 027

refuse() { printf '%s\n' "$1" >&2; exit 2; }
usage() { sed -n 's/^# usage: //p' "$0" >&2; exit 2; }
is_whole() { case $1 in '' | *[!0-9]*) return 1 ;; esac; }
stamp() { printf '%s' "$1" | tr -d ':-'; }

# A text as JSON has it.
quoted() {
  case $1 in
    *[[:cntrl:]]*) refuse 'expected texts without control characters' ;;
    *[\\\"]*) printf '"%s"' "$(printf '%s' "$1" | sed 's/[\\"]/\\&/g')" ;;
    *) printf '"%s"' "$1" ;;
  esac
}

priority=5 delay='' at='' id='' fields=''
while [ $# -gt 0 ]; do
  case $1 in
    --) shift; break ;;
    -s) shift; continue ;; # It syncs always; earlier versions did when asked.
    -?*) [ $# -ge 2 ] || usage ;;
    *) break ;;
  esac
  case $1 in
    -p | --priority) priority=$2 ;;
    -d | --delay) delay=$2; is_whole "$2" || refuse "delay: expected a whole number of seconds from 0 on, got $2" ;;
    --at) at=$2 ;;
    --retries) is_whole "$2" || refuse "retries: expected a whole number from 0 on, got $2"; fields="$fields,\"retries\":$2" ;;
    --traceparent | --tracestate) fields="$fields,\"${1#--}\":$(quoted "$2")" ;;
    --id)
      id=$2
      case $id in '' | [!A-Za-z0-9]* | *[!A-Za-z0-9._-]*) false ;; *) [ ${#id} -le 100 ] ;; esac ||
        refuse "id: an id is 1 to 100 of the characters A-Z a-z 0-9 . _ - and begins with a letter or a digit; got $id"
      ;;
    *) usage ;;
  esac
  shift 2
done
case $priority in [1-9] | 10) ;; *) refuse "priority: expected a whole number from 1 to 10, got $priority" ;; esac
[ -z "$delay" ] || [ -z "$at" ] || refuse 'expected a delay or a time (at), got both'
case $at in
  '' | [0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]Z) ;;
  [0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9]Z) ;;
  *) refuse "at: expected a UTC time such as 2026-11-22T10:15:00Z, got $at" ;;
esac
[ $# -ge 1 ] && [ $# -le 3 ] && [ -n "$1" ] || usage
case $1 in
  {*) body=$1; [ $# -eq 1 ] || usage ;;
  *)
    params=${3:-[]}
    case $params in \[*\] | {*}) ;; *) refuse "params: expected a JSON array or object, got $params" ;; esac
    body="{\"class\":$(quoted "$1"),\"method\":$(quoted "${2:-handle}"),\"params\":$params$fields}"
    ;;
esac

spool=${JOBSPOOL_DIR:-./var/spool}
fail() { printf 'enqueue a job in the spool %s: %s; nothing was enqueued\n' "$spool" "$1" >&2; exit 1; }
[ -d "$spool/incoming" ] || refuse "submit a job: expected a spool in $spool, found none; start the service once, or set JOBSPOOL_DIR"

made=$(date -u +%Y%m%dT%H%M%SZ)-$(od -An -N6 -tx1 /dev/urandom | tr -d ' \n')
run_at=now
[ -z "$at" ] || run_at=$(stamp "$at")
# Seconds are cut off, not rounded: one more keeps the promise that a job never runs before its time.
[ "${delay:-0}" -eq 0 ] || run_at=$(($(date +%s) + delay + 1))
draft=$spool/tmp/$made.json
name=p$priority-$run_at-${id:-$made}.json

{ printf '%s\n' "$body" > "$draft" && sync "$draft"; } || { rm -f "$draft"; fail "$draft could not be written"; }
# An id of the caller's own may be there already: mv would replace that request, ln does not.
if [ -n "$id" ]; then
  ln "$draft" "$spool/incoming/$name" || { rm -f "$draft"; fail "$name is in incoming/ already, or cannot be put there"; }
  rm -f "$draft"
else
  mv "$draft" "$spool/incoming/$name" || { rm -f "$draft"; fail "$name could not be moved to incoming/"; }
fi
sync "$spool/incoming"
echo "${id:-$made}"
