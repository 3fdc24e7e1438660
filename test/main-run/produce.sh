# Enqueues a list of "<file name><tab><body>" lines from stdin, in plain bash: print to tmp/, rename into incoming/.
set -eu
while IFS=$'\t' read -r name body; do
  printf '%s\n' "$body" > "$JOBSPOOL_DIR/tmp/$name" && mv "$JOBSPOOL_DIR/tmp/$name" "$JOBSPOOL_DIR/incoming/$name"
done
