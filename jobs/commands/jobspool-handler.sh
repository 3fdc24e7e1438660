# Handlers of Jobspool jobs in POSIX sh: functions to be sourced. For the protocol "once": the shell is started for each job.
#
#     #!/bin/sh
#     . "$(dirname "$0")/jobspool-handler.sh"
#     case $JOBSPOOL_METHOD in
#       build)
#         jobspool_on_cancel 'rm -f report.tmp'
#         jobspool_progress 50
#         [ -e data.csv ] || jobspool_retry_later 'data.csv is not there yet' 10m
#         wc -l < data.csv > report.tmp || exit 1                  # any other exit code: failed, retried
#         jobspool_result "{\"lines\":$(cat report.tmp)}"
#         ;;
#       *) jobspool_fail "no such method: $JOBSPOOL_METHOD" ;;
#     esac
#
# $JOBSPOOL_ID, $JOBSPOOL_CLASS, $JOBSPOOL_METHOD and $JOBSPOOL_ATTEMPT are in the environment. Standard input is the request, and is
# read here: `jobspool_param '.[0]'` gives the first positional parameter, by jq. What is printed stands in the job's log.

# How much is done, 0 to 100.
jobspool_progress() { printf '%s\n' "$1" > "$JOBSPOOL_PROGRESS"; }

# The job's result, as JSON.
jobspool_result() { printf '%s\n' "$1" > "$JOBSPOOL_RESULT"; }

# Ends the job: it failed, and is not retried.
jobspool_fail() { printf '%s\n' "$1" >&2; exit 100; }

# Ends the attempt: the job runs again after a delay such as 30s, 10m or 1h (without one the method's retryDelay), and has spent no attempt.
jobspool_retry_later() {
  printf '%s\n' "${1:-not now}" >&2
  [ -z "${2:-}" ] || printf '{"delay":"%s"}\n' "$2" > "$JOBSPOOL_RESULT"
  exit 75
}

# What is to be done when the job is cancelled or late, before the kill grace is over. What runs in the foreground is ended as well.
jobspool_on_cancel() {
  _jobspool_cleanup=$1
  trap 'trap "" TERM; eval "$_jobspool_cleanup"; exit 143' TERM
}

# A parameter, by a jq filter on the params: `.[0]` of an array, `.path` of an object. Text comes without quotes. Fails where there is none,
# or null; `false` is a value as any other.
jobspool_param() { jobspool_request | jq -er ".params | ($1) | if . == false then \"false\" else . end"; }

# The whole request, as JSON.
jobspool_request() { printf '%s\n' "$_jobspool_request"; }

# Read here, once: a function that is called in $(…) could not keep it.
_jobspool_request=$(cat)
