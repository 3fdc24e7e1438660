#!/bin/sh
# Enqueues one job for Jobspool and prints its id. Once that is printed the job is acknowledged: not even a power cut loses it.
#
# usage: jobspool-submit.sh [--priority 1..10] [--delay SECONDS | --at 2026-11-22T10:15:00Z] [--retries N] [--id ID]
# usage:                    [--traceparent T] [--tracestate S] CLASS [METHOD [PARAMS-AS-JSON]]
# usage: jobspool-submit.sh [-p PRIORITY] [-d SECONDS] '{"class":"ExampleJob","method":"execute","params":["Hello"]}'
#
# METHOD is "handle" and PARAMS-AS-JSON [] when left out. The spool is $JOBSPOOL_DIR, else ./var/spool. Exit codes: 0 enqueued, 2 wrong
# arguments, 1 the spool is not there or cannot be written. Needs a `sync` that takes files (GNU, busybox); one that does not syncs everything.
set -eu
export LC_ALL=C
# The service, of the spool's group, may read the file, and nobody else change it.
umask 027

refuse() { printf '%s\n' "$1" >&2; exit 2; }
usage() { sed -n 's/^# usage: //p' "$0" >&2; exit 2; }
# No zeros in front: the shell would take the number for octal, and JSON for none.
is_whole() { case $1 in '' | *[!0-9]* | 0?* | ??????????*) return 1 ;; esac; }
stamp() { printf '%s' "$1" | tr -d ':-'; }

# Whether a text is a time of a day that the calendar has.
is_time() {
  case $1 in
    ????-00-* | ????-1[3-9]-* | ????-??-00T* | ????-??-3[2-9]T* | ????-0[2469]-31T* | ????-11-31T* | ????-02-30T* | *T2[4-9]:*) return 1 ;;
    [02468][048]00-02-29T* | [13579][26]00-02-29T*) ;;
    ??00-02-29T*) return 1 ;;
    ??[02468][048]-02-29T* | ??[13579][26]-02-29T*) ;;
    ????-02-29T*) return 1 ;;
  esac
  case ${1%Z} in
    "$1") return 1 ;;
    [0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]) ;;
    [0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9]) ;;
    *) return 1 ;;
  esac
}

# A text as JSON has it. Each call is an assignment of its own: of several in one, only the last one's refusal would end the program.
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
    -d | --delay) delay=$2; is_whole "$2" || refuse "delay: expected a whole number of seconds such as 0 or 60, got $2" ;;
    --at) at=$2; is_time "$2" || refuse "at: expected a UTC time such as 2026-11-22T10:15:00Z, got $2" ;;
    --retries) is_whole "$2" || refuse "retries: expected a whole number such as 0 or 3, got $2"; fields="$fields,\"retries\":$2" ;;
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
[ $# -ge 1 ] && [ $# -le 3 ] && [ -n "$1" ] || usage
case $1 in
  {*)
    [ $# -eq 1 ] || usage
    [ -z "$fields" ] || refuse 'expected retries and trace in the request itself, which is given whole; got them as options'
    body=$1
    ;;
  *)
    params=${3:-[]}
    case $params in \[*\] | {*}) ;; *) refuse "params: expected a JSON array or object, got $params" ;; esac
    class=$(quoted "$1")
    method=$(quoted "${2:-handle}")
    body="{\"class\":$class,\"method\":$method,\"params\":$params$fields}"
    ;;
esac

spool=${JOBSPOOL_DIR:-./var/spool}
fail() { printf 'enqueue a job: %s\n' "$1" >&2; exit 1; }
[ -d "$spool/incoming" ] || fail "expected a spool in $spool, found none; start the service once, or set JOBSPOOL_DIR"

made=$(date -u +%Y%m%dT%H%M%SZ)-$(od -An -N6 -tx1 /dev/urandom | tr -d ' \n')
run_at=now
[ -z "$at" ] || run_at=$(stamp "$at")
# Seconds are cut off, not rounded: one more keeps the promise that a job never runs before its time.
[ "${delay:-0}" -eq 0 ] || run_at=$(($(date +%s) + delay + 1))
draft=$spool/tmp/$made.json
name=p$priority-$run_at-${id:-$made}.json

set -C # A draft of that name would be another producer's.
true > "$draft" || fail "$draft could not be made; nothing was enqueued"
set +C
{ printf '%s\n' "$body" > "$draft" && sync "$draft"; } || { rm -f "$draft"; fail "$draft could not be written; nothing was enqueued"; }
# An id of the caller's own may be there already: mv would replace that request, ln does not.
if [ -n "$id" ]; then
  ln "$draft" "$spool/incoming/$name" || { rm -f "$draft"; fail "$name is in $spool/incoming already, or cannot be put there; nothing was enqueued"; }
  rm -f "$draft"
else
  mv "$draft" "$spool/incoming/$name" || { rm -f "$draft"; fail "$name could not be moved to $spool/incoming; nothing was enqueued"; }
fi
sync "$spool/incoming" || fail "$spool/incoming could not be synced; a power cut may lose the job $name still"
echo "${id:-$made}"
