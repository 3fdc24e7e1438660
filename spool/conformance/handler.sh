# The handlers that the cases for consumers ask for: a command that handlers.json allows, the method in $JOBSPOOL_METHOD.
set -eu
case $JOBSPOOL_METHOD in
  echo) cat > "$JOBSPOOL_RESULT" ;;
  trace) printf '"%s"' "${TRACEPARENT:-none}" > "$JOBSPOOL_RESULT" ;;
  fail) echo 'it broke' >&2; exit 1 ;;
  failOnce) [ "$JOBSPOOL_ATTEMPT" -gt 1 ] ;;
  permanent) echo 'never' >&2; exit 100 ;;
  later)
    [ -e "$JOBSPOOL_DIR/tmp/seen-$JOBSPOOL_ID" ] || { : > "$JOBSPOOL_DIR/tmp/seen-$JOBSPOOL_ID"; exit 75; }
    rm "$JOBSPOOL_DIR/tmp/seen-$JOBSPOOL_ID"
    printf '"later"' > "$JOBSPOOL_RESULT"
    ;;
  hang) exec sleep 600 ;;
esac
