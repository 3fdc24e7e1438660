// Enqueues jobs for Jobspool, with the standard library alone (Go 1.16 or newer). In a program of your own: copy it, without its main.
//
//	id, err := RunBackgroundJob(Job{Class: "ExampleJob", Method: "execute", Params: []any{"Sample Data"}, Priority: 8, Delay: time.Minute})
//
// usage: go run jobspool.go [--priority 1..10] [--delay SECONDS | --at 2026-11-22T10:15:00Z] [--retries N] [--id ID]
// usage:                    [--traceparent T] [--tracestate S] CLASS [METHOD [PARAMS-AS-JSON]]
package main

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"time"
)

// Job says what to run, and when. What is left out has the default that its comment names.
type Job struct {
	Class       string
	Method      string        // "handle"
	Params      interface{}   // A slice of positional arguments (none), or a map or struct passed as one argument.
	Priority    int           // 1 to 10, higher runs first (5).
	Delay       time.Duration // Run this long after now (at once).
	At          time.Time     // Or run at this time.
	Retries     *int          // Attempts after the first (the method's own).
	ID          string        // One of your own (one is made).
	Traceparent string        // W3C Trace Context (none).
	Tracestate  string
	Spool       string // The folder ($JOBSPOOL_DIR, else ./var/spool).
}

// ErrArgument is what the error of a job that cannot be is; all others come from the spool's disk.
var ErrArgument = errors.New("wrong argument")

const idRule = "an id is 1 to 100 of the characters A-Z a-z 0-9 . _ - and begins with a letter or a digit"

var isID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`).MatchString

// RunBackgroundJob enqueues a job and returns its id. Once it returns, the job is acknowledged: not even a power cut loses it. The error
// is an ErrArgument, or that of the disk (os.ErrExist: a request of that id waits already).
func RunBackgroundJob(job Job) (string, error) {
	now := time.Now()
	if job.Priority == 0 {
		job.Priority = 5
	}
	runAt, err := check(job, now)
	if err != nil {
		return "", err
	}
	text, err := bodyOf(job)
	if err != nil {
		return "", fmt.Errorf("%w: %v", ErrArgument, err)
	}
	var noise [3]byte
	if _, err := rand.Read(noise[:]); err != nil {
		return "", err
	}
	made := fmt.Sprintf("%s-%x", now.UTC().Format("20060102T150405.000000Z"), noise)
	id := job.ID
	if id == "" {
		id = made
	}
	spool := job.Spool
	if spool == "" {
		spool = os.Getenv("JOBSPOOL_DIR")
	}
	if spool == "" {
		spool = "./var/spool"
	}
	return id, publish(spool, made, fmt.Sprintf("p%d-%s-%s.json", job.Priority, runAt, id), text, job.ID != "")
}

func check(job Job, now time.Time) (runAt string, err error) {
	switch {
	case job.Priority < 1 || job.Priority > 10:
		return "", fmt.Errorf("%w: priority: expected a whole number from 1 to 10, got %d", ErrArgument, job.Priority)
	case job.Retries != nil && *job.Retries < 0:
		return "", fmt.Errorf("%w: retries: expected a whole number from 0 on, got %d", ErrArgument, *job.Retries)
	case job.ID != "" && !isID(job.ID):
		return "", fmt.Errorf("%w: id: %s; got %q", ErrArgument, idRule, job.ID)
	case job.Delay < 0:
		return "", fmt.Errorf("%w: delay: expected a time from 0 on, got %v", ErrArgument, job.Delay)
	case job.Delay > 0 && !job.At.IsZero():
		return "", fmt.Errorf("%w: expected a delay or a time (at), got both", ErrArgument)
	case job.Delay > 0:
		return stamp(now.Add(job.Delay)), nil
	case !job.At.IsZero():
		return stamp(job.At), nil
	}
	return "now", nil
}

func stamp(t time.Time) string {
	return t.UTC().Format("20060102T150405.000Z")
}

func bodyOf(job Job) ([]byte, error) {
	params, err := json.Marshal(job.Params)
	if err != nil {
		return nil, fmt.Errorf("params: expected what JSON can hold: %v", err)
	}
	// None at all, or a slice that nothing was ever appended to.
	if string(params) == "null" {
		params = []byte("[]")
	}
	if params[0] != '[' && params[0] != '{' {
		return nil, fmt.Errorf("params: expected a slice, a map or a struct, got %T: %s", job.Params, params)
	}
	body := map[string]interface{}{"class": job.Class, "method": "handle", "params": json.RawMessage(params)}
	if job.Method != "" {
		body["method"] = job.Method
	}
	if job.Retries != nil {
		body["retries"] = *job.Retries
	}
	if job.Traceparent != "" {
		body["traceparent"] = job.Traceparent
	}
	if job.Tracestate != "" {
		body["tracestate"] = job.Tracestate
	}
	text, err := json.Marshal(body)
	return append(text, '\n'), err
}

func publish(spool, made, name string, text []byte, isOwn bool) error {
	incoming := filepath.Join(spool, "incoming")
	if info, err := os.Stat(incoming); err != nil || !info.IsDir() {
		return fmt.Errorf("enqueue a job: expected a spool in %s, found none; start the service once, or set JOBSPOOL_DIR", spool)
	}
	draft := filepath.Join(spool, "tmp", made+".json")
	file, err := os.OpenFile(draft, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
	if err == nil {
		err = write(file, text)
		if err == nil && isOwn {
			// An id of the caller's own may be there already: a rename would replace that request, a link does not.
			err = os.Link(draft, filepath.Join(incoming, name))
		} else if err == nil {
			err = os.Rename(draft, filepath.Join(incoming, name))
		}
		if err != nil || isOwn {
			os.Remove(draft)
		}
	}
	if err != nil {
		return fmt.Errorf("enqueue %s: %w; nothing was enqueued", name, err)
	}
	if err := syncFolder(incoming); err != nil {
		return fmt.Errorf("enqueue %s: %w; a power cut may lose the job still", name, err)
	}
	return nil
}

func write(file *os.File, text []byte) error {
	defer file.Close()
	// The service may be another user of the spool's group: whatever the umask, it may read the file, and nobody but its owner may change it.
	if err := file.Chmod(0o640); err != nil && runtime.GOOS != "windows" {
		return err
	}
	if _, err := file.Write(text); err != nil {
		return err
	}
	return file.Sync()
}

// The name itself survives a power cut once its folder is synced; Windows syncs no folders.
func syncFolder(folder string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	file, err := os.Open(folder)
	if err != nil {
		return err
	}
	defer file.Close()
	return file.Sync()
}

func main() {
	job, err := jobOf(os.Args[1:])
	if err == nil {
		var id string
		if id, err = RunBackgroundJob(job); err == nil {
			fmt.Println(id)
			return
		}
	}
	fmt.Fprintln(os.Stderr, err)
	if errors.Is(err, ErrArgument) {
		os.Exit(2)
	}
	os.Exit(1)
}

func jobOf(args []string) (job Job, err error) {
	flags := flag.NewFlagSet("jobspool [OPTIONS] CLASS [METHOD [PARAMS-AS-JSON]]", flag.ExitOnError)
	// Not Int, which takes a number with a zero in front for octal.
	flags.Func("priority", "1 to 10, higher runs first (5)", func(text string) (err error) {
		job.Priority, err = strconv.Atoi(text)
		return err
	})
	delay := flags.Float64("delay", 0, "run so many seconds after now")
	at := flags.String("at", "", "run at this time, such as 2026-11-22T10:15:00Z")
	flags.Func("retries", "attempts after the first", func(text string) error {
		number, err := strconv.Atoi(text)
		job.Retries = &number
		return err
	})
	id := flags.String("id", "", "the job's id")
	flags.StringVar(&job.Traceparent, "traceparent", "", "W3C Trace Context")
	flags.StringVar(&job.Tracestate, "tracestate", "", "W3C Trace Context")
	flags.Parse(args)
	if flags.NArg() < 1 || flags.NArg() > 3 {
		flags.Usage()
		os.Exit(2)
	}
	job.Class, job.Method, job.ID = flags.Arg(0), flags.Arg(1), *id
	job.Delay = time.Duration(*delay * float64(time.Second))
	flags.Visit(func(given *flag.Flag) {
		switch {
		case given.Name == "priority" && job.Priority == 0:
			err = fmt.Errorf("%w: priority: expected a whole number from 1 to 10, got 0", ErrArgument)
		case given.Name == "id" && *id == "":
			err = fmt.Errorf("%w: id: %s; got none", ErrArgument, idRule)
		case given.Name == "at":
			if job.At, err = time.Parse("2006-01-02T15:04:05Z", *at); err != nil {
				err = fmt.Errorf("%w: at: expected a UTC time such as 2026-11-22T10:15:00Z, got %q", ErrArgument, *at)
			}
		}
	})
	if flags.NArg() == 3 {
		// As it was written: a number that is too long for a float stays what it is.
		job.Params = json.RawMessage(flags.Arg(2))
	}
	return job, err
}
