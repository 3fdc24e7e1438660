/*
 * Enqueues jobs for Jobspool, with POSIX alone (C99).
 *
 *     struct jobspool_job job = jobspool_job("ExampleJob", "execute", "[\"Sample Data\"]");
 *     char id[JOBSPOOL_ID_SIZE], error[JOBSPOOL_ERROR_SIZE];
 *     job.priority = 8, job.delay = 60;
 *     if (jobspool_enqueue(&job, id, error) != JOBSPOOL_ENQUEUED) fprintf(stderr, "%s\n", error);
 *
 * usage: cc -DJOBSPOOL_MAIN -o jobspool-submit jobspool.c
 *        jobspool-submit [--priority 1..10] [--delay SECONDS | --at 2026-11-22T10:15:00Z] [--retries N] [--id ID]
 *                        [--traceparent T] [--tracestate S] CLASS [METHOD [PARAMS-AS-JSON]]
 */
#define _XOPEN_SOURCE 700
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define JOBSPOOL_ID_SIZE 101
#define JOBSPOOL_ERROR_SIZE 8448
enum { JOBSPOOL_ENQUEUED = 0, JOBSPOOL_DISK = 1, JOBSPOOL_ARGUMENT = 2 };

/* What to run, and when. jobspool_job() has the defaults; texts are not copied. */
struct jobspool_job {
    const char *class_name, *method;
    const char *params;  /* JSON: an array of positional arguments, or an object passed as one argument */
    long priority;       /* 1 to 10, higher runs first */
    long delay;          /* in seconds */
    const char *at;      /* or a UTC time, 2026-11-22T10:15:00Z; NULL: now */
    long retries;        /* attempts after the first; -1: the method's own */
    const char *id;      /* one of your own; NULL: one is made */
    const char *traceparent, *tracestate; /* W3C Trace Context; NULL: none */
    const char *spool;   /* the folder; NULL: $JOBSPOOL_DIR, else ./var/spool */
};

struct jobspool_job jobspool_job(const char *class_name, const char *method, const char *params) {
    struct jobspool_job job = {class_name, method ? method : "handle", params ? params : "[]", 5, 0, NULL, -1, NULL, NULL, NULL, NULL};
    return job;
}

static int jobspool_is_id(const char *id) {
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    size_t length = strlen(id);
    return length >= 1 && length <= 100 && strspn(id, letters) == length && !strchr("._-", id[0]);
}

/* Of a text that has the shape of a time, whether the calendar has its day: the service rejects another. */
static int jobspool_is_time(const char *at) {
    static const int days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year = atoi(at), month = atoi(at + 5), day = atoi(at + 8);
    int is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    if (month < 1 || month > 12 || day < 1 || day > days[month - 1] - (month == 2 && !is_leap)) return 0;
    return atoi(at + 11) < 24 && atoi(at + 14) < 60 && atoi(at + 17) < 60;
}

/* 20261122T101500Z from 2026-11-22T10:15:00Z; 0 when it is none. */
static int jobspool_stamp(const char *at, char stamp[24]) {
    const char *text = at;
    const char *shape = strlen(at) > 20 ? "0000-00-00T00:00:00.000Z" : "0000-00-00T00:00:00Z";
    if (strlen(at) != strlen(shape)) return 0;
    for (; *at; at++, shape++) {
        if (*shape == '0' ? !isdigit((unsigned char)*at) : *at != *shape) return 0;
        if (*at != '-' && *at != ':') *stamp++ = *at;
    }
    *stamp = '\0';
    return jobspool_is_time(text);
}

/* Why the job cannot be; NULL when it can. */
static const char *jobspool_mistake(const struct jobspool_job *job) {
    char stamp[24];
    size_t end = strlen(job->params);
    char first = job->params[0], last = end ? job->params[end - 1] : '\0';
    if (job->priority < 1 || job->priority > 10) return "priority: expected a whole number from 1 to 10";
    if (job->retries < -1) return "retries: expected a whole number from 0 on";
    if (job->delay < 0) return "delay: expected a whole number of seconds from 0 on";
    if (job->delay > 0 && job->at) return "expected a delay or a time (at), got both";
    if (job->at && !jobspool_stamp(job->at, stamp)) return "at: expected a UTC time such as 2026-11-22T10:15:00Z";
    if (job->id && !jobspool_is_id(job->id))
        return "id: an id is 1 to 100 of the characters A-Z a-z 0-9 . _ - and begins with a letter or a digit";
    if (!(first == '[' && last == ']') && !(first == '{' && last == '}')) return "params: expected a JSON array or object";
    return NULL;
}

static void jobspool_field(FILE *file, const char *name, const char *text) {
    if (!text) return;
    fprintf(file, ",\"%s\":\"", name);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') fprintf(file, "\\%c", *text);
        else if ((unsigned char)*text < ' ') fprintf(file, "\\u%04x", *text);
        else fputc(*text, file);
    }
    fputc('"', file);
}

static int jobspool_write(const struct jobspool_job *job, int descriptor) {
    FILE *file = fdopen(descriptor, "w");
    if (!file) return close(descriptor), -1;
    /* The service may be another user of the spool's group: whatever the umask, it may read the file, and nobody but its owner may change it. */
    fchmod(descriptor, 0640);
    fprintf(file, "{\"params\":%s", job->params);
    jobspool_field(file, "class", job->class_name);
    jobspool_field(file, "method", job->method);
    jobspool_field(file, "traceparent", job->traceparent);
    jobspool_field(file, "tracestate", job->tracestate);
    if (job->retries >= 0) fprintf(file, ",\"retries\":%ld", job->retries);
    fputs("}\n", file);
    int is_written = !ferror(file) && fflush(file) == 0 && fsync(descriptor) == 0;
    return fclose(file) == 0 && is_written ? 0 : -1;
}

static int jobspool_sync_folder(const char *folder) {
    int descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int result = descriptor < 0 ? -1 : fsync(descriptor);
    if (descriptor >= 0) close(descriptor);
    return result;
}

/* The id that is made: the time, which ascends, and 24 bits of noise. */
static void jobspool_make_id(const struct timespec *now, char id[JOBSPOOL_ID_SIZE]) {
    struct tm utc;
    unsigned char noise[3] = {0};
    int source = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
    if (source < 0 || read(source, noise, sizeof noise) != sizeof noise) noise[0] = (unsigned char)getpid();
    if (source >= 0) close(source);
    size_t length = strftime(id, JOBSPOOL_ID_SIZE, "%Y%m%dT%H%M%S", gmtime_r(&now->tv_sec, &utc));
    snprintf(id + length, JOBSPOOL_ID_SIZE - length, ".%06ldZ-%02x%02x%02x", now->tv_nsec / 1000, noise[0], noise[1], noise[2]);
}

/*
 * Enqueues a job and writes its id. Once it returns JOBSPOOL_ENQUEUED, the job is acknowledged: not even a power cut loses it. Else `error`
 * has a sentence: JOBSPOOL_ARGUMENT of a wrong argument, JOBSPOOL_DISK of the disk (errno EEXIST: a request of that id waits already).
 */
int jobspool_enqueue(const struct jobspool_job *job, char id[JOBSPOOL_ID_SIZE], char error[JOBSPOOL_ERROR_SIZE]) {
    const char *mistake = jobspool_mistake(job), *spool = job->spool ? job->spool : getenv("JOBSPOOL_DIR");
    char run_at[24] = "now", made[JOBSPOOL_ID_SIZE], incoming[4096], draft[4096], target[4096];
    struct stat facts;
    struct timespec now;
    if (mistake) return snprintf(error, JOBSPOOL_ERROR_SIZE, "%s", mistake), JOBSPOOL_ARGUMENT;
    if (!spool || !*spool) spool = "./var/spool";
    clock_gettime(CLOCK_REALTIME, &now);
    jobspool_make_id(&now, made);
    if (job->at) jobspool_stamp(job->at, run_at);
    /* Milliseconds are cut off: one more keeps the promise that a job never runs before its time. */
    if (job->delay > 0) snprintf(run_at, sizeof run_at, "%lld", ((long long)now.tv_sec + job->delay) * 1000 + now.tv_nsec / 1000000 + 1);
    strcpy(id, job->id ? job->id : made);
    snprintf(incoming, sizeof incoming, "%s/incoming", spool);
    snprintf(draft, sizeof draft, "%s/tmp/%s.json", spool, made);
    if (snprintf(target, sizeof target, "%s/incoming/p%ld-%s-%s.json", spool, job->priority, run_at, id) >= (int)sizeof target)
        return snprintf(error, JOBSPOOL_ERROR_SIZE, "spool: expected a path of less than 4000 bytes"), JOBSPOOL_ARGUMENT;
    if (stat(incoming, &facts) != 0 || !S_ISDIR(facts.st_mode)) {
        snprintf(error, JOBSPOOL_ERROR_SIZE, "enqueue a job: expected a spool in %s, found none; start the service once, or set JOBSPOOL_DIR", spool);
        return JOBSPOOL_DISK;
    }
    int descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    /* An id of the caller's own may be there already: a rename would replace that request, a link does not. */
    if (descriptor < 0 || jobspool_write(job, descriptor) != 0 || (job->id ? link(draft, target) : rename(draft, target)) != 0) {
        int cause = errno;
        /* What another producer made under that name is left to it. */
        if (descriptor >= 0) unlink(draft);
        snprintf(error, JOBSPOOL_ERROR_SIZE, "enqueue %s by %s: %s; nothing was enqueued", target, draft, strerror(cause));
        return errno = cause, JOBSPOOL_DISK;
    }
    if (job->id) unlink(draft);
    if (jobspool_sync_folder(incoming) == 0) return JOBSPOOL_ENQUEUED;
    snprintf(error, JOBSPOOL_ERROR_SIZE, "enqueue %s: sync %s: %s; a power cut may lose the job still", id, incoming, strerror(errno));
    return JOBSPOOL_DISK;
}

#ifdef JOBSPOOL_MAIN
static int refuse(const char *sentence) {
    fprintf(stderr, "%s\n", sentence);
    return JOBSPOOL_ARGUMENT;
}

/* A whole number, or one that is none of any option. */
static long whole(const char *text) {
    char *end;
    long number = strtol(text, &end, 10);
    return *text && !*end ? number : -2;
}

int main(int count, char **args) {
    static const char usage[] = "usage: jobspool-submit [--priority 1..10] [--delay SECONDS | --at 2026-11-22T10:15:00Z] [--retries N] [--id ID] "
                                "[--traceparent T] [--tracestate S] CLASS [METHOD [PARAMS-AS-JSON]]";
    struct jobspool_job job = jobspool_job(NULL, NULL, NULL);
    char id[JOBSPOOL_ID_SIZE], error[JOBSPOOL_ERROR_SIZE];
    int at = 1;
    for (; at < count && strncmp(args[at], "--", 2) == 0; at += 2) {
        if (at + 1 == count) return refuse(usage);
        const char *option = args[at] + 2, *value = args[at + 1];
        if (!strcmp(option, "priority")) job.priority = whole(value);
        else if (!strcmp(option, "delay")) job.delay = whole(value);
        else if (!strcmp(option, "at")) job.at = value;
        else if (!strcmp(option, "retries")) job.retries = whole(value) < 0 ? -2 : whole(value);
        else if (!strcmp(option, "id")) job.id = value;
        else if (!strcmp(option, "traceparent")) job.traceparent = value;
        else if (!strcmp(option, "tracestate")) job.tracestate = value;
        else return refuse(usage);
    }
    if (at >= count || count - at > 3) return refuse(usage);
    job.class_name = args[at];
    if (at + 1 < count) job.method = args[at + 1];
    if (at + 2 < count) job.params = args[at + 2];
    int outcome = jobspool_enqueue(&job, id, error);
    if (outcome != JOBSPOOL_ENQUEUED) fprintf(stderr, "%s\n", error);
    else if (puts(id) < 0 || fflush(stdout) != 0) return JOBSPOOL_DISK;
    return outcome;
}
#endif
