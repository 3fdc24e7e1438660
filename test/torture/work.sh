#!/bin/sh
# The command handler of the torture: says when it starts and ends, as work.ts does. $1 is nothing; the request comes on stdin.
request=$(cat)
params=${request#*'"params":["'}
key=${params%%'"'*}
# Its runner may have been killed before it could say what is to be done.
[ -n "$key" ] || exit 1
now() { t=$(date +%s%N); echo "${t%??????}"; }
echo "S $key $JOBSPOOL_ATTEMPT $$ $(now)" >> "$TORTURE_EVIDENCE"
case $JOBSPOOL_METHOD in
  fail) exit 1 ;;
  later)
    rest=${params#*,}
    until=${rest%%[!0-9]*}
    [ "$(now)" -ge "$until" ] || exit 75
    ;;
esac
echo "E $key $JOBSPOOL_ATTEMPT $$ $(now)" >> "$TORTURE_EVIDENCE"
